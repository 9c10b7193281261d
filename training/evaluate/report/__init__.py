"""The report of an evaluation: its verdict, and how it looks in a terminal and as a page."""
