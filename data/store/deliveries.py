"""Which messages show a request while it runs, and which requests' last word never came out."""

from collections.abc import Sequence
from datetime import datetime

from data.records import Request, RequestMessage
from data.store.rows import stamp, to_request
from data.store.tables import Tables


class Deliveries(Tables):
    """The `request_messages` table."""

    async def add_request_message(
        self, request_id: int, front_end: str, message: RequestMessage
    ) -> None:
        """Note that a message shows a part of an unfinished request; the latest word counts."""
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
        """Give the messages that show a request whose last word is not out, in order."""
        rows = await self._connection.run(
            "SELECT * FROM request_messages WHERE request_id = ? ORDER BY position", request_id
        )
        return [
            RequestMessage(row["channel_id"], row["message_id"], row["position"]) for row in rows
        ]

    async def delivered(
        self,
        request_id: int,
        front_end: str,
        answer_id: int | None,
        messages: Sequence[RequestMessage],
    ) -> None:
        """Note that the request's last word is out: in `messages`, if it is an answer.

        In one transaction, so that it is delivered once.
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

    async def undelivered(self, front_end: str, since: datetime) -> list[Request]:
        """Give the requests that ended since then and whose last word is not out, oldest first."""
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
