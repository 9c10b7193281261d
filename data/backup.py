"""A copy of the database, taken while the bot goes on."""

import sqlite3
from contextlib import closing
from pathlib import Path

from data.database import reading
from data.faults import converted, damaged
from data.new_file import new_file


def backup(path: Path, out: Path) -> None:
    """Copy the database at `path` to the new single file `out`, as it stands at one moment.

    Raises DataError if `out` exists, and StoreDamaged, without leaving a file, if the copy is
    not sound.
    """
    with new_file(out) as draft, reading(path) as source:
        with converted(out), closing(sqlite3.connect(draft)) as copy:
            source.backup(copy)
        with converted(path), closing(sqlite3.connect(draft)) as copy:
            verdict = str(copy.execute("PRAGMA integrity_check(1)").fetchone()[0])
            if verdict != "ok":
                raise damaged(path, verdict)
            copy.execute("PRAGMA journal_mode = DELETE")  # no write-ahead file beside it
