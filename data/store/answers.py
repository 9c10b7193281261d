"""Answers: one a request, and the messages that show them."""

import json
from datetime import datetime

from data.records import Answer, AnsweredState, NewAnswer, Request, RequestState
from data.store.rows import stamp, to_answer, to_request
from data.store.tables import Tables, refusal


class Answers(Tables):
    """The `answers` and `answer_messages` tables."""

    async def finish(
        self,
        request_id: int,
        new: NewAnswer,
        state: AnsweredState = RequestState.FINISHED,
    ) -> Answer:
        """End a running request with its answer, both or neither.

        A request that has an answer keeps it: that one is given back. StoreConflict where the
        request is not running otherwise: waiting, ended without an answer, unknown.
        """
        now = self._stamp()
        async with self._connection.transaction() as run:
            ended = await run(
                """
                UPDATE requests SET state = ?, ended_at = ?
                WHERE id = ? AND state = 'running' RETURNING id
                """,
                state,
                now,
                request_id,
            )
            if not ended:
                stored = await run("SELECT * FROM answers WHERE request_id = ?", request_id)
                if not stored:
                    raise await refusal(run, request_id, f"become {state}")
                return to_answer(stored[0])
            added = await run(
                """
                INSERT INTO answers (
                    request_id, text, variant, adapter_hash, model_id, finish_reason,
                    prompt_tokens, completion_tokens, queue_ms, first_token_ms, total_ms,
                    created_at
                ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                RETURNING *
                """,
                request_id,
                new.text,
                new.variant,
                new.adapter_hash,
                new.model_id,
                new.finish_reason,
                new.prompt_tokens,
                new.completion_tokens,
                new.queue_ms,
                new.first_token_ms,
                new.total_ms,
                now,
            )
            return to_answer(added[0])

    async def answer_for(self, request_id: int) -> Answer | None:
        """Give the request's answer, if it has one."""
        rows = await self._connection.run("SELECT * FROM answers WHERE request_id = ?", request_id)
        return to_answer(rows[0]) if rows else None

    async def last_answer(self, conversation: str) -> Answer | None:
        """Give the conversation's newest answer, in its history or not."""
        rows = await self._connection.run(
            """
            SELECT answers.* FROM requests JOIN answers ON answers.request_id = requests.id
            WHERE conversation = ? ORDER BY answers.id DESC LIMIT 1
            """,
            conversation,
        )
        return to_answer(rows[0]) if rows else None

    async def history(
        self, conversation: str, since: datetime | None = None, limit: int = 50
    ) -> list[tuple[Request, Answer]]:
        """Give the newest `limit` exchanges that later turns may build on, oldest first.

        These are `in_history`, accepted after the conversation's last reset and not before
        `since`, and ended with some text.
        """
        asked = await self._connection.run(
            """
            SELECT requests.* FROM requests JOIN answers ON answers.request_id = requests.id
            WHERE conversation = ?1 AND in_history AND text <> ''
                AND requests.created_at >= ?2
                AND requests.id > COALESCE((
                    SELECT CAST(value AS INTEGER) FROM settings
                    WHERE scope = 'conversation' AND scope_id = ?1 AND key = 'reset_after'
                ), 0)
            ORDER BY requests.id DESC LIMIT ?3
            """,
            conversation,
            stamp(since) if since else "",
            limit,
        )
        requests = [to_request(row) for row in reversed(asked)]
        answered = await self._connection.run(
            "SELECT * FROM answers WHERE request_id IN (SELECT value FROM json_each(?))",
            json.dumps([request.id for request in requests]),
        )
        answers = {row["request_id"]: to_answer(row) for row in answered}
        return [(request, answers[request.id]) for request in requests]

    async def add_answer_message(
        self, answer_id: int, front_end: str, channel_id: str, message_id: str, position: int
    ) -> None:
        """Note that a message shows part `position` of an answer; the latest word counts.

        StoreConflict if there is no such answer.
        """
        await self._connection.run(
            """
            INSERT INTO answer_messages (answer_id, front_end, channel_id, message_id, position)
            VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (front_end, message_id) DO UPDATE SET
                answer_id = excluded.answer_id,
                channel_id = excluded.channel_id,
                position = excluded.position
            """,
            answer_id,
            front_end,
            channel_id,
            message_id,
            position,
        )

    async def answer_by_message(self, front_end: str, message_id: str) -> Answer | None:
        """Give the answer that a message shows, if it shows one."""
        rows = await self._connection.run(
            """
            SELECT answers.* FROM answer_messages JOIN answers ON answers.id = answer_id
            WHERE front_end = ? AND message_id = ?
            """,
            front_end,
            message_id,
        )
        return to_answer(rows[0]) if rows else None
