"""What is stored: the SQLite store, its migrations and the sample data sets."""
