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
class Step:
    """One migration: it takes a database from `version - 1` to `version`."""

    version: int
    name: str
    sql: str


def read_steps(folder: Path = FOLDER) -> tuple[Step, ...]:
    """Read the `NNNN_name.sql` files of `folder`; StoreError unless they count 1, 2, 3, …"""
    steps: list[Step] = []
    for version, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        named = _FILE_NAME.fullmatch(path.name)
        if named is None or int(named[1]) != version:
            raise StoreError(f"{path} should be called {version:04}_<what it does>.sql")
        steps.append(Step(version, path.name, path.read_text(encoding="utf-8")))
    return tuple(steps)


def version_of(connection: sqlite3.Connection) -> int:
    """How many migrations the database has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Apply the steps that are missing, each in one transaction with its version number.

    Two programs may do so at once: each step looks again once it has the write lock.
    `connection` is in autocommit mode.
    """
    for step in steps:
        with connection:  # commits, or rolls back what failed
            connection.execute("BEGIN IMMEDIATE")
            if version_of(connection) < step.version:
                _apply(connection, step)


def _apply(connection: sqlite3.Connection, step: Step) -> None:
    try:
        for statement in _statements(step.sql):
            connection.execute(statement)
    except (sqlite3.OperationalError, sqlite3.IntegrityError) as exc:
        if exc.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT):
            raise  # not the step's fault: the disk is full, say
        raise StoreError(
            f"the migration {step.name} failed ({exc}); the database is still at version "
            f"{step.version - 1}: go back to the version of the program that wrote it"
        ) from exc
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {step.version}")


def _statements(sql: str) -> Iterator[str]:
    # sqlite3's executescript would commit first; each step must stay inside its transaction.
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
