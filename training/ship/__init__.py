"""Putting an adapter into service, taking it out again, and merging it into its base."""
