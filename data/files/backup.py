"""A copy of the database, taken while the bot goes on."""

import sqlite3
from contextlib import closing
from pathlib import Path

from data.files.new_file import new_file
from data.store.database import judge, reading
from data.store.faults import converted
from data.store.migrate import read_steps


def backup(path: Path, out: Path) -> None:
    """Copy the database at `path` to the new single file `out`, as it stands at one moment.

    Raises DataError if `out` exists, and the StoreErrors, as of a damaged database, which is not
    worth a copy; no file is left then.
    """
    with new_file(out) as draft, reading(path) as source:
        judge(source, path, read_steps(), thorough=True)
        with converted(out), closing(sqlite3.connect(draft)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # no write-ahead file beside it
