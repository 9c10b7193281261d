"""A throw-away SQLite database: what would not fit in memory, on the disk."""

import sqlite3
import tempfile
from pathlib import Path

_CACHE_KB = 8_000  # what is left out lies in the cache of the system
_SETTINGS = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA temp_store = FILE",
    f"PRAGMA cache_size = -{_CACHE_KB}",
)


def open_scratch(folder: Path) -> sqlite3.Connection:
    """A new database in the folder: fast, and of no use after a crash."""
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".sqlite", delete=False) as file:
        connection = sqlite3.connect(file.name, isolation_level=None)
    connection.row_factory = sqlite3.Row
    for setting in _SETTINGS:
        connection.execute(setting)
    connection.execute("BEGIN")
    return connection
