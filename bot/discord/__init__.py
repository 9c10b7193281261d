"""The Discord front end: the chat in channels, threads and direct messages."""
