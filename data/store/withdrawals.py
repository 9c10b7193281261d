"""Questions whose message was deleted: finding what answers them, and emptying it."""

from datetime import datetime

from data.records import Request, RequestMessage
from data.store.connection import Tables
from data.store.quoted import REPEATED
from data.store.rows import stamp, to_request, to_request_message


class Withdrawals(Tables):
    """Statements over the tables of requests, answers and the messages that show them."""

    async def requests_about(self, source_key: str) -> list[Request]:
        """Return the requests that answer one question, oldest first.

        They have its `source_key`, or that key with a further part after a colon; or a button
        repeated one of these, or went on with its answer.
        """
        rows = await self._connection.run(
            f"""
            WITH RECURSIVE asked AS (
                SELECT id FROM requests WHERE source_key = ?1
                    OR (source_key > ?1 || ':' AND source_key < ?1 || ';')
            ), {REPEATED}
            SELECT * FROM requests WHERE id IN (SELECT id FROM repeated) ORDER BY id
            """,  # noqa: S608 - a literal
            source_key,
        )
        return [to_request(row) for row in rows]

    async def withdraw(self, request_id: int) -> None:
        """Take out what was asked and answered, and which messages showed it.

        That there was a request, its variant, its times and its ratings stay. Later conversations
        do not build on it, and it is never answered: a request that had not ended is stopped.
        """
        async with self._connection.transaction() as run:
            await run("DELETE FROM request_messages WHERE request_id = ?", request_id)
            await run(
                """
                DELETE FROM answer_messages WHERE answer_id IN (
                    SELECT id FROM answers WHERE request_id = ?
                )
                """,
                request_id,
            )
            await run("UPDATE answers SET text = '' WHERE request_id = ?", request_id)
            await run(
                """
                UPDATE requests SET
                    prompt = '', turns = '[]', error = NULL, in_history = 0,
                    state = CASE WHEN ended_at IS NULL THEN 'stopped' ELSE state END,
                    ended_at = COALESCE(ended_at, ?)
                WHERE id = ?
                """,
                self._stamp(),
                request_id,
            )

    async def messages_of(self, request_id: int) -> list[RequestMessage]:
        """Return every message that shows a request or its answer, by their position."""
        rows = await self._connection.run(
            """
            SELECT channel_id, message_id, position FROM request_messages WHERE request_id = ?1
            UNION
            SELECT channel_id, message_id, answer_messages.position
            FROM answer_messages JOIN answers ON answers.id = answer_id WHERE request_id = ?1
            ORDER BY position
            """,
            request_id,
        )
        return [to_request_message(row) for row in rows]

    async def questions_since(
        self, front_end: str, kind: str, since: datetime, limit: int
    ) -> list[Request]:
        """Return the newest `limit` requests that messages answer, newest first.

        They were accepted since then, are not withdrawn, and their `source_key` begins with
        `kind`.
        """
        rows = await self._connection.run(
            """
            SELECT * FROM requests WHERE front_end = ?1 AND created_at >= ?3 AND prompt <> ''
                AND source_key > ?2 AND source_key < ?2 || char(0x10FFFF)
                AND EXISTS (
                    SELECT 1 FROM answers JOIN answer_messages ON answer_id = answers.id
                    WHERE request_id = requests.id
                )
            ORDER BY id DESC LIMIT ?4
            """,
            front_end,
            kind,
            stamp(since),
            limit,
        )
        return [to_request(row) for row in rows]
