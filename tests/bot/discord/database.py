"""Changing a running bot's database as no method of the store does."""

import sqlite3
from contextlib import closing
from pathlib import Path


def execute(path: Path, sql: str, *values: object) -> None:
    """Run one statement over a connection of its own."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(sql, values)
