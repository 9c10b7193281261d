"""Opening the database file: it is checked before anything is written, then migrated."""

import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from data.errors import StoreError, StoreTooNew
from data.store.faults import converted, damaged
from data.store.migrate import (
    APPLICATION_ID,
    Migration,
    migrate,
    read_migrations,
    version_of,
)

FILE_NAME = "fungpt.db"
BUSY_S = 5.0

_SWITCH_PAUSE_S = 0.01


def connect(
    path: Path, *, busy_s: float = BUSY_S, migrations: Sequence[Migration] | None = None
) -> sqlite3.Connection:
    """Open the database for reading and writing; create or migrate it if needed.

    `migrations` are those that the database should have, by default this program's own. This
    call and each later statement wait at most `busy_s` seconds for a lock. The connection is in
    autocommit mode and returns `sqlite3.Row`s. Raises the StoreErrors; a file that is too new,
    damaged or another program's has not been written to.
    """
    migrations = read_migrations() if migrations is None else migrations
    with converted(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        judged = path.exists() and _judge_unwritten(path, busy_s, migrations)
        connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None)
        try:
            if not judged:
                judge(connection, path, migrations)
            _prepare(connection, busy_s, migrations)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def reading(path: Path, *, busy_s: float = BUSY_S) -> Generator[sqlite3.Connection]:
    """Open an existing database of any version for reading only, and close it at the end.

    Raises StoreError if there is none, and the other StoreErrors, also for what goes wrong
    inside the `with` block.
    """
    with converted(path):
        if not path.exists():
            raise StoreError(f"there is no database at {path}: see --home and FUNGPT_HOME")
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=busy_s)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection


def require(path: Path) -> None:
    """Raise StoreError if there is no database at `path`: connecting would create one."""
    with reading(path):
        pass


def judge(
    connection: sqlite3.Connection,
    path: Path,
    migrations: Sequence[Migration],
    *,
    thorough: bool = False,
) -> None:
    """Check that the database is sound, this program's, and not newer than `migrations`.

    `thorough` also checks that each index fits its table, which takes longer. Raises
    StoreDamaged, StoreError or StoreTooNew.
    """
    connection.execute("BEGIN")  # so that what another program writes meanwhile is not seen
    try:
        _judge(connection, path, migrations, thorough=thorough)
    finally:
        connection.rollback()


def _judge(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration], *, thorough: bool
) -> None:
    version = version_of(connection)
    if version > len(migrations):
        raise StoreTooNew(
            f"{path} was written by a newer version of this program (schema {version}, this one "
            f"knows {len(migrations)}): install that one, or point FUNGPT_HOME at another folder"
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


def _judge_unwritten(path: Path, busy_s: float, migrations: Sequence[Migration]) -> bool:
    # A connection that may write would copy the write-ahead log into the file when it closes, and
    # so change a damaged file.
    with reading(path, busy_s=busy_s) as connection:
        try:
            judge(connection, path, migrations)
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
            return False  # a program was killed while it wrote: only a writer can undo that
        return True


def _prepare(
    connection: sqlite3.Connection, busy_s: float, migrations: Sequence[Migration]
) -> None:
    connection.row_factory = sqlite3.Row
    _switch_to_write_ahead(connection, busy_s)
    # Survives kill -9; a power cut may take the last moments, never the file.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")  # what is forgotten leaves no trace on disk
    _prove_writable(connection)
    migrate(connection, migrations)
    connection.execute("PRAGMA foreign_keys = ON")  # after the migrations: they may rebuild tables


def _switch_to_write_ahead(connection: sqlite3.Connection, busy_s: float) -> None:
    # This one statement does not wait for another program's lock by itself, so that one of two
    # programs that start for the first time together would fail.
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
    # Better here than at the first request. SQLite gives a write lock even on a read-only file, so
    # this writes the version that is there already, and takes it back.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version = {version_of(connection)}")
    connection.execute("ROLLBACK")
