"""What is stored of one person: to hand it over to them, and to take it out."""

import sqlite3
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from data.errors import StoreLocked
from data.records import Forgotten, PersonalData
from data.store.connection import RunStatement, Tables
from data.store.exports import exported_of, forget_exported, person_hash, read_exports
from data.store.quoted import forget_quoted, quoted_of, repeating_requests
from data.store.rows import stamp

_SOMEBODY = "forgotten"
_ASKS_KEPT = timedelta(hours=1)


class People(Tables):
    """Statements over every table that holds something of a person."""

    async def personal_data(self, user_id: str) -> PersonalData:
        """Return what a person wrote, was answered, rated and chose, as at one moment.

        Of the turns given to the model only the person's own prompt is included: the earlier
        turns are other rows of the same data, or other people's words. `quoted` has what other
        people's requests hold of the person.
        """
        async with self._connection.snapshot() as run:
            requests = await run(
                """
                SELECT requests.id AS request, requests.created_at AS asked_at, front_end,
                    conversation, user_name, prompt, state, error, in_history,
                    answers.id AS answer, answers.created_at AS answered_at, text,
                    answers.variant, model_id, adapter_hash, finish_reason, prompt_tokens,
                    completion_tokens, total_ms
                FROM requests LEFT JOIN answers ON request_id = requests.id
                WHERE user_id = ? ORDER BY requests.id
                """,
                user_id,
            )
            ratings = await run(
                """
                SELECT answer_id AS answer, kind AS rating, created_at AS rated_at,
                    by_asker AS own_answer
                FROM ratings WHERE user_id = ? ORDER BY id
                """,
                user_id,
            )
            reactions = await run(
                """
                SELECT front_end, message_id, emoji, is_super, kind AS rating,
                    created_at AS seen_at
                FROM reactions WHERE user_id = ? ORDER BY created_at
                """,
                user_id,
            )
            settings = await run(
                "SELECT key, value FROM settings WHERE scope = 'user' AND scope_id = ?", user_id
            )
            exports = await exported_of(run, user_id)
            quoted = await quoted_of(run, user_id)
            personas = await run(
                """
                SELECT scope, scope_id, name, text, saved_at FROM personas
                WHERE saved_by = ?1 OR (scope = 'user' AND scope_id = ?1) ORDER BY saved_at
                """,
                user_id,
            )
        return PersonalData(
            user_id=user_id,
            requests=_dicts(requests),
            ratings=_dicts(ratings),
            reactions=_dicts(reactions),
            settings=_dicts(settings),
            exports=_dicts(exports),
            quoted=quoted,
            personas=_dicts(personas),
        )

    async def forget(self, user_id: str, names: Collection[str] = ()) -> Forgotten:
        """Remove a person's texts, their answers, their names, and whose their ratings were.

        What stays has no name: that there was a request, an answer and a rating, with the
        variant and the times. The person's unfinished requests are stopped.

        Other people's requests hold what the person said before them, and the answers to that:
        these parts go, and everybody else's stay as they are. In requests that were stored before
        parts were told apart, a part is what follows a whole label of the person at the beginning
        of a line: one of `names`, or a name that the person asked under. A request in which
        somebody repeated this person's own by a button loses its prompt and its answer too.

        The old bytes are gone from the database files afterwards, but not from backups and
        exports; the result names the exports. Raises StoreLocked if another program kept SQLite's
        write-ahead file from being emptied: calling this again finishes the work.
        """
        async with self._connection.transaction() as run:
            ratings = await run(
                "UPDATE ratings SET user_id = NULL WHERE user_id = ? RETURNING id", user_id
            )
            repeated = await repeating_requests(run, user_id)
            exports = await forget_exported(run, user_id, repeated, self._stamp())
            await run("DELETE FROM reactions WHERE user_id = ?", user_id)
            await _forget_settings(run, user_id)
            await _keep_asks(run, user_id, self._now())
            await _forget_repeated(run, repeated, self._stamp())
            await forget_quoted(run, user_id, names)
            await _forget_texts(run, user_id)
            requests = await run(
                """
                UPDATE requests SET
                    source_key = 'forgotten:' || id, conversation = ?2, user_id = ?2,
                    user_name = ?2, prompt = '', turns = '[]', error = NULL,
                    state = CASE WHEN ended_at IS NULL THEN 'stopped' ELSE state END,
                    ended_at = COALESCE(ended_at, ?3)
                WHERE user_id = ?1 RETURNING id
                """,
                user_id,
                _SOMEBODY,
                self._stamp(),
            )
            affected = await read_exports(run, exports)
        await self._empty_write_ahead_file()
        return Forgotten(requests=len(requests), ratings=len(ratings), exports=affected)

    async def _empty_write_ahead_file(self) -> None:
        [outcome] = await self._connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
        if outcome["busy"]:
            raise StoreLocked(
                f"the person is forgotten, but another program keeps old pages of "
                f"{self._connection.path} alive: stop that one and forget once more"
            )


async def _forget_settings(run: RunStatement, user_id: str) -> None:
    await run("DELETE FROM settings WHERE scope = 'user' AND scope_id = ?", user_id)
    await run("DELETE FROM personas WHERE scope = 'user' AND scope_id = ?", user_id)
    await run("UPDATE personas SET saved_by = NULL WHERE saved_by = ?", user_id)
    await run(
        """
        DELETE FROM settings WHERE scope = 'conversation' AND scope_id IN (
            SELECT conversation FROM requests GROUP BY conversation
            HAVING MIN(user_id) = ?1 AND MAX(user_id) = ?1  -- a conversation with nobody else
        )
        """,
        user_id,
    )


async def _keep_asks(run: RunStatement, user_id: str, now: datetime) -> None:
    """Keep for an hour, under a hash, when the person asked: the limits of servers go by it."""
    since = stamp(now - _ASKS_KEPT)
    await run("DELETE FROM forgotten_asks WHERE asked_at <= ?", since)
    await run(
        """
        INSERT INTO forgotten_asks (person, asked_at)
        SELECT ?, created_at FROM requests
        WHERE user_id = ? AND created_at > ? AND is_counted
        """,
        await person_hash(run, user_id),
        user_id,
        since,
    )


async def _forget_repeated(run: RunStatement, repeated: Collection[int], now: str) -> None:
    """Empty these requests and their answers; those that have not ended are stopped."""
    for request_id in repeated:
        await run(
            """
            UPDATE requests SET prompt = '', turns = '[]',
                state = CASE WHEN ended_at IS NULL THEN 'stopped' ELSE state END,
                ended_at = COALESCE(ended_at, ?2)
            WHERE id = ?1
            """,
            request_id,
            now,
        )
        await run("UPDATE answers SET text = '' WHERE request_id = ?", request_id)


async def _forget_texts(run: RunStatement, user_id: str) -> None:
    """Empty the answers to this person, and forget which messages showed them."""
    await run(
        """
        DELETE FROM request_messages WHERE request_id IN (
            SELECT id FROM requests WHERE user_id = ?
        )
        """,
        user_id,
    )
    await run(
        """
        DELETE FROM answer_messages WHERE answer_id IN (
            SELECT answers.id FROM answers JOIN requests ON requests.id = request_id
            WHERE user_id = ?
        )
        """,
        user_id,
    )
    await run(
        """
        UPDATE answers SET text = '' WHERE request_id IN (
            SELECT id FROM requests WHERE user_id = ?
        )
        """,
        user_id,
    )


def _dicts(rows: list[sqlite3.Row]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]
