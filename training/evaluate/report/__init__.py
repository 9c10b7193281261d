"""The report of an evaluation: its verdict, the terminal table and the HTML page."""
