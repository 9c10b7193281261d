"""Which requests there are, and whose turn it is."""
