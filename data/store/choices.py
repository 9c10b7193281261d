"""Settings that people make while the bot runs, and the line a reset draws."""

from data.records import Scope
from data.store.connection import Run
from data.store.tables import Tables


class Settings(Tables):
    """The `settings` table; the global scope's id is the empty string."""

    async def setting(self, scope: Scope, scope_id: str, key: str) -> str | None:
        """Give a setting's value, if it is set."""
        rows = await self._connection.run(
            "SELECT value FROM settings WHERE scope = ? AND scope_id = ? AND key = ?",
            scope,
            scope_id,
            key,
        )
        return rows[0]["value"] if rows else None

    async def set_setting(self, scope: Scope, scope_id: str, key: str, value: str | None) -> None:
        """Set a setting, or with None take it away."""
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
        """Draw a line: what was accepted up to now is in no later turn's history.

        `reset_at` is the time to show and to compare messages with. The store's own history goes
        by the request's number in `reset_after`, which a clock set back cannot upset.
        """
        async with self._connection.transaction() as run:
            last = await run("SELECT COALESCE(MAX(id), 0) AS id FROM requests")
            await _put(run, "conversation", conversation, "reset_at", self._stamp())
            await _put(run, "conversation", conversation, "reset_after", str(last[0]["id"]))


async def _put(run: Run, scope: Scope, scope_id: str, key: str, value: str) -> None:
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
