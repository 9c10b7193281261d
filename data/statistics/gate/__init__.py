"""The gate: the test that people's votes must pass before an adapter is promoted."""
