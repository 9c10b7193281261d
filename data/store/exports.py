"""The exports made, and which of them hold words of a person.

An export is recorded in the transaction in which it is read, so that nobody can be forgotten in
between. What left cannot be changed from here; it can be named.
"""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from data.errors import StoreConflict
from data.records import MadeExport, SettingKey
from data.store.connection import RunStatement, Tables
from data.store.database import connect, reading, require
from data.store.faults import converted
from data.store.migrate import version_of
from data.store.rows import stamp

_LISTED = """
SELECT exports.*, COUNT(export_ratings.id) AS ratings, COUNT(forgotten_at) AS forgotten
FROM exports LEFT JOIN export_ratings ON export_id = exports.id
GROUP BY exports.id ORDER BY created_at, exports.id
"""
_FIRST_VERSION = 4  # of the schema with exports
_MAKE_KEY = """
INSERT OR IGNORE INTO settings (scope, scope_id, key, value) VALUES ('global', '', ?, ?)
"""
_READ_KEY = "SELECT value FROM settings WHERE scope = 'global' AND scope_id = '' AND key = ?"


class Exports(Tables):
    """Statements over the tables `exports` and `export_ratings`."""

    async def exports(self) -> tuple[MadeExport, ...]:
        """Return all exports that were made, oldest first."""
        return tuple(map(_made, await self._connection.run(_LISTED)))


def made_exports(path: Path) -> tuple[MadeExport, ...]:
    """Read all exports that were made, oldest first, without changing the database at `path`.

    Raises the StoreErrors.
    """
    with reading(path) as connection:
        if version_of(connection) < _FIRST_VERSION:
            return ()
        return tuple(map(_made, connection.execute(_LISTED)))


def drop_export(path: Path, export_id: str) -> None:
    """Take an export, which has been deleted with all that was made from it, off the record.

    Raises StoreConflict if there is none with this id, and the other StoreErrors.
    """
    require(path)
    with converted(path), closing(connect(path)) as connection:
        dropped = connection.execute("DELETE FROM exports WHERE id = ?", (export_id,))
        if not dropped.rowcount:
            raise StoreConflict(f"{path} knows no export {export_id}: `python -m data exports`")


class PersonHash:
    """Hides people's ids behind HMAC-SHA256 with a key that stays in the database.

    The same person has the same hash in every export of one database; without the key nobody can
    tell whose it is.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read the key; make one where there is none, in the open transaction."""
        connection.execute(_MAKE_KEY, (SettingKey.EXPORT_KEY, _new_key()))
        [row] = connection.execute(_READ_KEY, (SettingKey.EXPORT_KEY,))
        self._key = row["value"]

    def of(self, user_id: str) -> str:
        """Return the person's hash, in hex."""
        return _keyed_hash(self._key, f"user:{user_id}")

    @property
    def database(self) -> str:
        """A name for the database: the hash of no person."""
        return _keyed_hash(self._key, "database")[:16]


def record_export(
    connection: sqlite3.Connection, export: MadeExport, ratings: Iterable[tuple[int, str | None]]
) -> None:
    """Record an export with its ratings: the ids of answer and rater. In the open transaction."""
    connection.execute(
        "INSERT INTO exports (id, path, sha256, permission, created_at) VALUES (?, ?, ?, ?, ?)",
        (export.id, export.path, export.sha256, export.permission, stamp(export.created_at)),
    )
    connection.executemany(
        "INSERT INTO export_ratings (export_id, answer_id, user_id) VALUES (?, ?, ?)",
        ((export.id, answer_id, user_id) for answer_id, user_id in ratings),
    )


async def person_hash(run: RunStatement, user_id: str) -> str:
    """Return a person's hash, in hex; the same person's is the same in one database.

    The key is made where there is none, so this belongs into a transaction that writes.
    """
    await run(_MAKE_KEY, SettingKey.EXPORT_KEY, _new_key())
    [row] = await run(_READ_KEY, SettingKey.EXPORT_KEY)
    return _asker_hash(row["value"], user_id)


async def known_person_hash(run: RunStatement, user_id: str) -> str | None:
    """Return a person's hash without writing; None where no hash was ever made with this key."""
    rows = await run(_READ_KEY, SettingKey.EXPORT_KEY)
    return _asker_hash(rows[0]["value"], user_id) if rows else None


async def exported_of(run: RunStatement, user_id: str) -> list[sqlite3.Row]:
    """Return a row for each exported rating of an answer to this person or by this person."""
    return await run(
        """
        SELECT export_id AS export, exports.created_at AS exported_at, answer_id AS answer
        FROM export_ratings JOIN exports ON exports.id = export_id
        WHERE user_id = ?1 OR answer_id IN (
            SELECT answers.id FROM answers JOIN requests ON requests.id = request_id
            WHERE requests.user_id = ?1
        ) ORDER BY export_ratings.id
        """,
        user_id,
    )


async def forget_exported(
    run: RunStatement, user_id: str, repeated: Collection[int], now: str
) -> set[str]:
    """Mark what was exported of a person, before the person is gone; return the exports' ids.

    `repeated` are the ids of other people's requests that repeat the person's own.
    """
    found = await run(
        """
        UPDATE export_ratings SET
            forgotten_at = COALESCE(forgotten_at, ?2), user_id = NULLIF(user_id, ?1)
        WHERE user_id = ?1 OR answer_id IN (
            SELECT answers.id FROM answers JOIN requests ON requests.id = request_id
            WHERE requests.user_id = ?1
        ) RETURNING export_id
        """,
        user_id,
        now,
    )
    for request_id in repeated:
        found += await run(
            """
            UPDATE export_ratings SET forgotten_at = COALESCE(forgotten_at, ?2)
            WHERE answer_id IN (SELECT id FROM answers WHERE request_id = ?1)
            RETURNING export_id
            """,
            request_id,
            now,
        )
    return {row["export_id"] for row in found}


async def read_exports(run: RunStatement, ids: Collection[str]) -> tuple[MadeExport, ...]:
    """Return the exports with these ids, oldest first."""
    return tuple(_made(row) for row in await run(_LISTED) if row["id"] in ids)


def _new_key() -> str:
    return secrets.token_hex(32)


def _asker_hash(key: str, user_id: str) -> str:
    return _keyed_hash(key, f"asks:{user_id}")


def _keyed_hash(key: str, text: str) -> str:
    """HMAC-SHA256 in hex; the key is in hex, too."""
    return hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()


def _made(row: sqlite3.Row) -> MadeExport:
    return MadeExport(
        id=row["id"],
        path=row["path"],
        sha256=row["sha256"],
        permission=row["permission"],
        created_at=datetime.fromisoformat(row["created_at"]),
        ratings=row["ratings"],
        forgotten=row["forgotten"],
    )
