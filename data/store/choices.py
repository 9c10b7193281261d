"""Settings that people make while the bot runs, and where their conversations begin anew."""

from data.records import Scope, SettingKey
from data.store.connection import RunStatement, Tables


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
