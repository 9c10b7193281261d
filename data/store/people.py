"""What is stored of one person: to hand it over to them, and to take it out."""

import json
import sqlite3
from collections.abc import Collection
from typing import Any

from data.errors import StoreLocked
from data.records import Forgotten, PersonalData
from data.store.connection import RunStatement, Tables
from data.store.exports import exported_of, forget_exported, read_exports

_SOMEBODY = "forgotten"


class People(Tables):
    """Statements over every table that holds something of a person."""

    async def personal_data(self, user_id: str) -> PersonalData:
        """Return what a person wrote, was answered, rated and chose, as at one moment.

        Of the turns given to the model only the person's own prompt is included: the earlier
        turns are other rows of the same data, or other people's words.
        """
        async with self._connection.transaction() as run:
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
        parts = (requests, ratings, reactions, settings, exports)
        return PersonalData(user_id, *map(_dicts, parts))

    async def forget(self, user_id: str, names: Collection[str] = ()) -> Forgotten:
        """Remove a person's texts, their answers, their names, and whose their ratings were.

        What stays has no name: that there was a request, an answer and a rating, with the
        variant and the times. The person's unfinished requests are stopped.

        Other people's requests may quote the person. That is assumed of the later requests in
        the same conversations, and of requests whose turns name the person: `names`, and the
        names that the person had when asking. Of such turns only the other's own prompt stays. A
        request in which somebody repeated this person's own request by a button loses its prompt
        and its answer too.

        The old bytes are gone from the database files afterwards, but not from backups and
        exports; the result names the exports. Raises StoreLocked if another program kept SQLite's
        write-ahead file from being emptied: calling this again finishes the work.
        """
        async with self._connection.transaction() as run:
            ratings = await run(
                "UPDATE ratings SET user_id = NULL WHERE user_id = ? RETURNING id", user_id
            )
            repeated = await _repeated(run, user_id)
            exports = await forget_exported(run, user_id, repeated, self._stamp())
            await run("DELETE FROM reactions WHERE user_id = ?", user_id)
            await _forget_settings(run, user_id)
            await _forget_repeated(run, repeated)
            await _forget_quoted(run, user_id, names)
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
    await run(
        """
        DELETE FROM settings WHERE scope = 'conversation' AND scope_id IN (
            SELECT conversation FROM requests GROUP BY conversation
            HAVING MIN(user_id) = ?1 AND MAX(user_id) = ?1  -- a conversation with nobody else
        )
        """,
        user_id,
    )


async def _repeated(run: RunStatement, user_id: str) -> list[int]:
    """The ids of the requests by which others repeated this person's request with a button."""
    rows = await run(
        """
        SELECT DISTINCT again.id FROM requests AS own
        JOIN requests AS again ON again.conversation = own.conversation
            AND again.turns = own.turns AND again.prompt = own.prompt AND again.id > own.id
        WHERE own.user_id = ?1 AND again.user_id <> ?1 AND own.prompt <> ''
            AND again.ended_at IS NOT NULL AND instr(again.source_key, ':interaction:') > 0
        """,
        user_id,
    )
    return [row["id"] for row in rows]


async def _forget_repeated(run: RunStatement, repeated: Collection[int]) -> None:
    """Empty these requests and their answers."""
    for request_id in repeated:
        await run("UPDATE requests SET prompt = '', turns = '[]' WHERE id = ?", request_id)
        await run("UPDATE answers SET text = '' WHERE request_id = ?", request_id)


async def _forget_quoted(run: RunStatement, user_id: str, names: Collection[str]) -> None:
    """Of other people's turns that may quote this person, leave only their own prompt."""
    await run(
        """
        UPDATE requests SET
            turns = json_array(json_object('role', 'user', 'content', prompt))
        FROM (
            SELECT conversation AS shared, MIN(id) AS first FROM requests
            WHERE user_id = ? GROUP BY conversation
        ) WHERE conversation = shared AND id >= first AND prompt <> ''
        """,
        user_id,
    )
    called = await run("SELECT DISTINCT user_name FROM requests WHERE user_id = ?", user_id)
    for name in {*names, *(row["user_name"] for row in called)} - {""}:
        await run(
            """
            UPDATE requests SET
                turns = json_array(json_object('role', 'user', 'content', prompt))
            WHERE instr(turns, ?) > 0 AND prompt <> ''
            """,
            f"{json.dumps(name, ensure_ascii=False)[1:-1]}: ",
        )


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
