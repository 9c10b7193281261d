"""Settings and personas that people make while the bot runs, and where conversations begin anew."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from data.records import Scope, SettingKey
from data.store.connection import RunStatement, Tables
from data.store.rows import stamp


@dataclass(frozen=True, slots=True)
class SavedPersona:
    """A system prompt that was saved under a name, which is unique without regard to case."""

    name: str
    text: str
    saved_by: str | None
    saved_at: datetime


class PersonaSaving(StrEnum):
    """What came of saving a persona."""

    SAVED = "saved"
    NAME_TAKEN = "name taken"
    TOO_MANY = "too many"


PlaceScope = Literal["guild", "channel", "conversation"]


class Settings(Tables):
    """Statements over the table `settings`. The id of the global scope is the empty string."""

    async def setting(self, scope: Scope, scope_id: str, key: SettingKey) -> str | None:
        """Return the value of a setting, or None if it is not set."""
        rows = await self._connection.run(
            "SELECT value FROM settings WHERE scope = ? AND scope_id = ? AND key = ?",
            scope,
            scope_id,
            key,
        )
        return rows[0]["value"] if rows else None

    async def set_setting(
        self, scope: Scope, scope_id: str, key: SettingKey, value: str | None
    ) -> None:
        """Store the value of a setting; None removes the setting."""
        if value is not None:
            await _put(self._connection.run, scope, scope_id, key, value)
            return
        await self._connection.run(
            "DELETE FROM settings WHERE scope = ? AND scope_id = ? AND key = ?",
            scope,
            scope_id,
            key,
        )

    async def reset(self, conversation: str) -> None:
        """Begin a conversation anew: `history` leaves out what was accepted up to now.

        `RESET_AT` gets the time, to show it and to compare messages with it. `RESET_AFTER` gets
        the last request's id, which `history` goes by: a clock that is set back cannot upset it.
        """
        async with self._connection.transaction() as run:
            last = await run("SELECT COALESCE(MAX(id), 0) AS id FROM requests")
            await _put(run, "conversation", conversation, SettingKey.RESET_AT, self._stamp())
            await _put(
                run, "conversation", conversation, SettingKey.RESET_AFTER, str(last[0]["id"])
            )

    async def places(self, scope: PlaceScope) -> list[str]:
        """Return the ids of all places of this kind for which anything is set."""
        rows = await self._connection.run(
            """
            SELECT scope_id FROM settings WHERE scope = ?1
            UNION SELECT scope_id FROM personas WHERE scope = ?1 ORDER BY scope_id
            """,
            scope,
        )
        return [row["scope_id"] for row in rows]

    async def drop_place(self, scope: PlaceScope, scope_id: str) -> None:
        """Remove all settings and personas of a place that is no more."""
        async with self._connection.transaction() as run:
            await run("DELETE FROM settings WHERE scope = ? AND scope_id = ?", scope, scope_id)
            await run("DELETE FROM personas WHERE scope = ? AND scope_id = ?", scope, scope_id)


PersonaScope = Literal["guild", "user"]


class Personas(Tables):
    """Statements over the table `personas`: those of a server, and people's own."""

    async def save_persona(
        self,
        scope: PersonaScope,
        scope_id: str,
        persona: SavedPersona,
        *,
        most: int,
        replace: bool = False,
    ) -> PersonaSaving:
        """Save a persona under its name; `most` is how many there may be.

        With `replace` it takes the place of one of that name, else nothing changes then.
        """
        async with self._connection.transaction() as run:
            there = await _personas(run, scope, scope_id)
            key = persona.name.casefold()
            if any(one.name.casefold() == key for one in there):
                if not replace:
                    return PersonaSaving.NAME_TAKEN
            elif len(there) >= most:
                return PersonaSaving.TOO_MANY
            await run(
                """
                INSERT OR REPLACE INTO personas
                    (scope, scope_id, key, name, text, saved_by, saved_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                scope,
                scope_id,
                key,
                persona.name,
                persona.text,
                persona.saved_by,
                stamp(persona.saved_at),
            )
            return PersonaSaving.SAVED

    async def personas(self, scope: PersonaScope, scope_id: str) -> list[SavedPersona]:
        """Return the personas of a server or person, by their names."""
        return await _personas(self._connection.run, scope, scope_id)

    async def delete_persona(self, scope: PersonaScope, scope_id: str, name: str) -> bool:
        """Delete a persona; False if there is none of that name."""
        deleted = await self._connection.run(
            "DELETE FROM personas WHERE scope = ? AND scope_id = ? AND key = ? RETURNING key",
            scope,
            scope_id,
            name.casefold(),
        )
        return bool(deleted)


async def _personas(run: RunStatement, scope: str, scope_id: str) -> list[SavedPersona]:
    rows = await run(
        "SELECT * FROM personas WHERE scope = ? AND scope_id = ? ORDER BY key", scope, scope_id
    )
    return [_persona(row) for row in rows]


def _persona(row: sqlite3.Row) -> SavedPersona:
    saved_at = datetime.fromisoformat(row["saved_at"])
    return SavedPersona(row["name"], row["text"], row["saved_by"], saved_at)


async def _put(run: RunStatement, scope: Scope, scope_id: str, key: SettingKey, value: str) -> None:
    await run(
        """
        INSERT INTO settings (scope, scope_id, key, value) VALUES (?, ?, ?, ?)
        ON CONFLICT (scope, scope_id, key) DO UPDATE SET value = excluded.value
        """,
        scope,
        scope_id,
        key,
        value,
    )
