"""Readers of the files that pairs come from; each gives one row after the other."""
