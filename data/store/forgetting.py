"""Taking a person out of the store while the sums over answers and ratings stay."""

import json
from collections.abc import Collection

from data.errors import StoreLocked
from data.records import Forgotten
from data.store.connection import Run
from data.store.tables import Tables

_SOMEBODY = "forgotten"


class Forgetting(Tables):
    """What `forget` does to every table."""

    async def forget(self, user_id: str, names: Collection[str] = ()) -> Forgotten:
        """Remove what a person wrote, was answered and was called, and who gave their ratings.

        Their unfinished requests are stopped. Other people's requests may quote them: the later
        ones in the same conversations, and those whose turns name them (`names`, and what they
        were called as askers). Of those turns only the asker's own prompt stays; of a request
        that repeats one of theirs in another's name, nothing. What stays
        of the person has no name: that there was a request, an answer, a rating, with variant
        and timings. The old bytes are gone from the files afterwards, though not from backups
        and exports. StoreLocked if another program kept the write-ahead file from being emptied:
        doing it again then finishes the work.
        """
        async with self._connection.transaction() as run:
            ratings = await run(
                "UPDATE ratings SET user_id = NULL WHERE user_id = ? RETURNING id", user_id
            )
            await run("DELETE FROM reactions WHERE user_id = ?", user_id)
            await _forget_settings(run, user_id)
            await _forget_repeated(run, user_id)
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
        await self._empty_write_ahead_file()
        return Forgotten(requests=len(requests), ratings=len(ratings))

    async def _empty_write_ahead_file(self) -> None:
        [outcome] = await self._connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
        if outcome["busy"]:
            raise StoreLocked(
                f"the person is forgotten, but another program keeps old pages of "
                f"{self._connection.path} alive: stop that one and forget once more"
            )


async def _forget_settings(run: Run, user_id: str) -> None:
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


async def _forget_repeated(run: Run, user_id: str) -> None:
    """Empty what others had asked once more by a button: it is this person's text."""
    repeated = await run(
        """
        SELECT DISTINCT again.id FROM requests AS own
        JOIN requests AS again ON again.conversation = own.conversation
            AND again.turns = own.turns AND again.prompt = own.prompt AND again.id > own.id
        WHERE own.user_id = ?1 AND again.user_id <> ?1 AND own.prompt <> ''
            AND again.ended_at IS NOT NULL AND instr(again.source_key, ':interaction:') > 0
        """,
        user_id,
    )
    for row in repeated:
        await run("UPDATE requests SET prompt = '', turns = '[]' WHERE id = ?", row["id"])
        await run("UPDATE answers SET text = '' WHERE request_id = ?", row["id"])


async def _forget_quoted(run: Run, user_id: str, names: Collection[str]) -> None:
    """Leave of other people's turns only their own prompt, where this person may be quoted."""
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


async def _forget_texts(run: Run, user_id: str) -> None:
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
