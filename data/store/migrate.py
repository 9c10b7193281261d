"""Numbered SQL files that bring a database from any older version to this program's."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import StoreError

FOLDER = Path(__file__).parents[1] / "migrations"
APPLICATION_ID = int.from_bytes(b"FunG", "big")  # marks the file as ours in its header

_FILE_NAME = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """A named SQL script that takes a database from `version - 1` to `version`."""

    version: int
    name: str
    sql: str


def read_migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Read the files `NNNN_name.sql` of a folder; raise StoreError unless they count 1, 2, 3, …"""
    migrations: list[Migration] = []
    for version, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        named = _FILE_NAME.fullmatch(path.name)
        if named is None or int(named[1]) != version:
            raise StoreError(f"{path} should be called {version:04}_<what it does>.sql")
        migrations.append(Migration(version, path.name, path.read_text(encoding="utf-8")))
    return tuple(migrations)


def version_of(connection: sqlite3.Connection) -> int:
    """Return how many migrations the database has had."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Apply the migrations that the database lacks, each in one transaction with its version.

    `connection` is in autocommit mode. Two programs may do this at once: each looks at the
    version again when it has the write lock. Raises StoreError for a migration that fails; the
    database is at the version before it then.
    """
    for migration in migrations:
        with connection:  # commits, or rolls back what failed
            connection.execute("BEGIN IMMEDIATE")
            if version_of(connection) < migration.version:
                _apply(connection, migration)


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    try:
        for statement in _statements(migration.sql):
            connection.execute(statement)
    except (sqlite3.OperationalError, sqlite3.IntegrityError) as exc:
        if exc.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT):
            raise  # not the migration's fault: the disk may be full
        raise StoreError(
            f"the migration {migration.name} failed ({exc}); the database is still at version "
            f"{migration.version - 1}: go back to the version of the program that wrote it"
        ) from exc
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {migration.version}")


def _statements(sql: str) -> Iterator[str]:
    # Not sqlite3's executescript: it commits first, and so would leave the transaction.
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
