"""The store: all that the bot remembers, in one SQLite file."""
