"""Answers: each request has at most one."""

import json
from datetime import datetime

from data.records import (
    Answer,
    AnsweredState,
    NewAnswer,
    Request,
    RequestState,
    SettingKey,
)
from data.store.connection import Tables
from data.store.requests import refusal
from data.store.rows import stamp, to_answer, to_request


class Answers(Tables):
    """Statements over the table `answers`."""

    async def finish(
        self,
        request_id: int,
        new: NewAnswer,
        state: AnsweredState = RequestState.FINISHED,
    ) -> Answer:
        """Store the answer of a running request and end the request; return the stored answer.

        If the request has an answer already, nothing changes and that answer is returned. Raises
        StoreConflict if the request is unknown, still waiting, or ended without an answer.
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
        """Return the answer of a request, or None if it has none."""
        rows = await self._connection.run("SELECT * FROM answers WHERE request_id = ?", request_id)
        return to_answer(rows[0]) if rows else None

    async def last_answer(self, conversation: str) -> Answer | None:
        """Return the newest answer of a conversation, also if `history` leaves it out."""
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
        """Return the newest `limit` exchanges that later turns may build on, oldest first.

        An exchange counts if it is `in_history`, was accepted after the last reset of the
        conversation and not before `since`, and its answer has some text.
        """
        asked = await self._connection.run(
            """
            SELECT requests.* FROM requests JOIN answers ON answers.request_id = requests.id
            WHERE conversation = ?1 AND in_history AND text <> ''
                AND requests.created_at >= ?2
                AND requests.id > COALESCE((
                    SELECT CAST(value AS INTEGER) FROM settings
                    WHERE scope = 'conversation' AND scope_id = ?1 AND key = ?4
                ), 0)
            ORDER BY requests.id DESC LIMIT ?3
            """,
            conversation,
            stamp(since) if since else "",
            limit,
            SettingKey.RESET_AFTER,
        )
        requests = [to_request(row) for row in reversed(asked)]
        answered = await self._connection.run(
            "SELECT * FROM answers WHERE request_id IN (SELECT value FROM json_each(?))",
            json.dumps([request.id for request in requests]),
        )
        answers = {row["request_id"]: to_answer(row) for row in answered}
        return [(request, answers[request.id]) for request in requests]

    async def answer_by_message(self, front_end: str, message_id: str) -> Answer | None:
        """Return the answer that a front end's message shows, or None."""
        rows = await self._connection.run(
            """
            SELECT answers.* FROM answer_messages JOIN answers ON answers.id = answer_id
            WHERE front_end = ? AND message_id = ?
            """,
            front_end,
            message_id,
        )
        return to_answer(rows[0]) if rows else None
