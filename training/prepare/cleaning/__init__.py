"""Cleaning one text: what its transport did to it is undone, the text itself stays."""
