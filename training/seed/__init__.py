"""The course project this one grew from, done again: its data, its recipe, its figures."""
