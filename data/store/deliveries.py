"""Which messages show a request or its answer, and which requests people never saw the end of.

A request is delivered once the front end has shown how it ended: its answer, or why it has none.
"""

from collections.abc import Sequence
from datetime import datetime

from data.records import Request, RequestMessage
from data.store.connection import Tables
from data.store.rows import stamp, to_request, to_request_message


class Deliveries(Tables):
    """Statements over the tables `request_messages` and `answer_messages`."""

    async def add_request_message(
        self, request_id: int, front_end: str, message: RequestMessage
    ) -> None:
        """Store that `message` shows a part of a request that is not delivered.

        It takes the place of another message stored for the same position. Raises StoreConflict
        if there is no such request.
        """
        await self._connection.run(
            """
            INSERT INTO request_messages (request_id, position, front_end, channel_id, message_id)
            VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (request_id, position) DO UPDATE SET
                front_end = excluded.front_end,
                channel_id = excluded.channel_id,
                message_id = excluded.message_id
            """,
            request_id,
            message.position,
            front_end,
            message.channel_id,
            message.message_id,
        )

    async def request_messages(self, request_id: int) -> list[RequestMessage]:
        """Return the messages that show a request that is not delivered, by their position."""
        rows = await self._connection.run(
            "SELECT * FROM request_messages WHERE request_id = ? ORDER BY position", request_id
        )
        return [to_request_message(row) for row in rows]

    async def delivered(
        self,
        request_id: int,
        front_end: str,
        answer_id: int | None,
        messages: Sequence[RequestMessage],
    ) -> None:
        """Store that a request is delivered, and which messages show its answer.

        `answer_id` None means that the request ended without an answer; `messages` are ignored
        then. A message that showed another answer shows this one from now on. Raises
        StoreConflict if there is no such answer.
        """
        async with self._connection.transaction() as run:
            await run("DELETE FROM request_messages WHERE request_id = ?", request_id)
            for message in messages if answer_id is not None else ():
                await run(
                    """
                    INSERT INTO answer_messages
                        (answer_id, front_end, channel_id, message_id, position)
                    VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (front_end, message_id) DO UPDATE SET
                        answer_id = excluded.answer_id,
                        channel_id = excluded.channel_id,
                        position = excluded.position
                    """,
                    answer_id,
                    front_end,
                    message.channel_id,
                    message.message_id,
                    message.position,
                )

    async def answer_messages(self, front_end: str, request_id: int) -> list[RequestMessage]:
        """Return the messages that show the answer to a delivered request, by their position."""
        rows = await self._connection.run(
            """
            SELECT answer_messages.* FROM answer_messages JOIN answers ON answers.id = answer_id
            WHERE front_end = ? AND request_id = ? ORDER BY position
            """,
            front_end,
            request_id,
        )
        return [to_request_message(row) for row in rows]

    async def undelivered(self, front_end: str, since: datetime) -> list[Request]:
        """Return the requests that ended since then and are not delivered, oldest first.

        These have messages from the time when they ran, or an answer that no message shows.
        """
        rows = await self._connection.run(
            """
            SELECT * FROM requests
            WHERE front_end = ? AND ended_at >= ? AND (
                EXISTS (SELECT 1 FROM request_messages WHERE request_id = requests.id)
                OR EXISTS (
                    SELECT 1 FROM answers WHERE request_id = requests.id AND text <> ''
                        AND NOT EXISTS (
                            SELECT 1 FROM answer_messages WHERE answer_id = answers.id
                        )
                )
            )
            ORDER BY id
            """,
            front_end,
            stamp(since),
        )
        return [to_request(row) for row in rows]
