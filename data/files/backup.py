"""Copying the database while the bot runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

from data.files.new_file import new_file
from data.store.database import judge, reading
from data.store.faults import converted
from data.store.migrate import read_migrations


def backup(path: Path, out: Path) -> None:
    """Copy the database at `path`, as it is at one moment, to the new file `out`.

    Raises DataError if `out` exists, StoreDamaged if the database is damaged, and the other
    StoreErrors; there is no file `out` then.
    """
    with new_file(out) as draft, reading(path) as source:
        judge(source, path, read_migrations(), thorough=True)
        with converted(out), closing(sqlite3.connect(draft)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # no write-ahead file beside it
