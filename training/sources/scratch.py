"""A temporary SQLite database for what would not fit in memory."""

import sqlite3
import tempfile
from pathlib import Path

_CACHE_KB = 8_000  # small, since the operating system caches the file too
_SETTINGS = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA temp_store = FILE",
    f"PRAGMA cache_size = -{_CACHE_KB}",
)


def open_scratch(folder: Path) -> sqlite3.Connection:
    """A new, empty database in the folder, with an open transaction.

    It writes fast and is lost in a crash. The caller closes it and removes the folder.
    """
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".sqlite", delete=False) as file:
        connection = sqlite3.connect(file.name, isolation_level=None)
    connection.row_factory = sqlite3.Row
    for setting in _SETTINGS:
        connection.execute(setting)
    connection.execute("BEGIN")
    return connection
