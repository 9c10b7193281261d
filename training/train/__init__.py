"""From prepared pairs to an adapter."""
