"""A classifier of phrases: disclaimers and positions."""
