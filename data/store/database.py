"""Opening the database file: judged before it is touched, then brought up to date."""

import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from data.errors import StoreError, StoreTooNew
from data.store.faults import converted, damaged
from data.store.migrate import APPLICATION_ID, Step, migrate, read_steps, version_of

FILE_NAME = "fungpt.db"
BUSY_S = 5.0

_SWITCH_PAUSE_S = 0.01


def connect(
    path: Path, *, busy_s: float = BUSY_S, steps: Sequence[Step] | None = None
) -> sqlite3.Connection:
    """Open the database for reading and writing, made or migrated where needed.

    Waits at most `busy_s` seconds for a lock, here and in every later statement. The connection
    is in autocommit mode and gives `sqlite3.Row`s. Raises the StoreErrors; a file that is too
    new, damaged or not ours has not been written to.
    """
    steps = read_steps() if steps is None else steps
    with converted(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        judged = path.exists() and _judge_unwritten(path, busy_s, steps)
        connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None)
        try:
            if not judged:
                judge(connection, path, steps)
            _prepare(connection, busy_s, steps)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def reading(path: Path, *, busy_s: float = BUSY_S) -> Generator[sqlite3.Connection]:
    """Open an existing database without ever writing to it, whatever its version."""
    with converted(path):
        if not path.exists():
            raise StoreError(f"there is no database at {path}: see --home and FUNGPT_HOME")
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=busy_s)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection


def judge(
    connection: sqlite3.Connection, path: Path, steps: Sequence[Step], *, thorough: bool = False
) -> None:
    """Raise unless the database is sound, ours, and not newer than `steps`."""
    connection.execute("BEGIN")  # one moment's view, whatever another program does meanwhile
    try:
        _judge(connection, path, steps, thorough=thorough)
    finally:
        connection.rollback()


def _judge(
    connection: sqlite3.Connection, path: Path, steps: Sequence[Step], *, thorough: bool
) -> None:
    version = version_of(connection)
    if version > len(steps):
        raise StoreTooNew(
            f"{path} was written by a newer version of this program (schema {version}, this one "
            f"knows {len(steps)}): install that one, or point FUNGPT_HOME at another folder"
        )
    check = "PRAGMA integrity_check(1)" if thorough else "PRAGMA quick_check(1)"
    verdict = str(connection.execute(check).fetchone()[0])
    if verdict != "ok":
        raise damaged(path, verdict)
    if not _is_ours(connection, version):
        raise StoreError(f"{path} belongs to another program: point FUNGPT_HOME at another folder")


def _is_ours(connection: sqlite3.Connection, version: int) -> bool:
    if version == 0:
        return connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0] == 0
    return connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def _judge_unwritten(path: Path, busy_s: float, steps: Sequence[Step]) -> bool:
    # A connection that may write would check the write-ahead log in when it closes, and so
    # change a damaged file.
    with reading(path, busy_s=busy_s) as connection:
        try:
            judge(connection, path, steps)
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
            return False  # killed inside its very first write: only a writer can undo that
        return True


def _prepare(connection: sqlite3.Connection, busy_s: float, steps: Sequence[Step]) -> None:
    connection.row_factory = sqlite3.Row
    _switch_to_write_ahead(connection, busy_s)
    # Survives kill -9; a power cut may take the last moments, never the file.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")  # what is forgotten leaves no trace on disk
    _prove_writable(connection)
    migrate(connection, steps)
    connection.execute("PRAGMA foreign_keys = ON")  # after the migrations: they may rebuild tables


def _switch_to_write_ahead(connection: sqlite3.Connection, busy_s: float) -> None:
    # This one statement does not wait for another program's lock by itself: two first starts
    # at once would make one of them fail.
    give_up = time.monotonic() + busy_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up:
                raise
            time.sleep(_SWITCH_PAUSE_S)
        else:
            return


def _prove_writable(connection: sqlite3.Connection) -> None:
    # Better here than at the first request. Even a write lock is given on a read-only file, so
    # this writes what stands there already, and takes it back.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version = {version_of(connection)}")
    connection.execute("ROLLBACK")
