"""Reactions on the messages of answers, and the ratings that follow from them."""

from collections.abc import Iterable
from datetime import datetime

from data.records import AnswerMessages, RatingKind, Reaction
from data.store.connection import Run
from data.store.ratings import Ratings
from data.store.rows import stamp, to_answer_messages, to_reaction


class Reactions(Ratings):
    """The `reactions` table; a person's ratings of an answer are made anew with each change.

    A rating stands as long as one reaction of its kind stands on any message of the answer. Of
    two kinds that exclude each other the later counts, and neither where nobody saw the order.
    """

    async def react(self, front_end: str, reaction: Reaction) -> bool:
        """Store a reaction; false if it stood already or its message shows no answer."""
        async with self._connection.transaction() as run:
            answer_id = await _answer_of(run, front_end, reaction.message_id)
            if answer_id is None:
                return False
            turn = await _next_turn(run, answer_id, reaction.user_id)
            added = await self._add(run, front_end, reaction, turn)
            await self._derive(run, answer_id, reaction.user_id)
            return added

    async def unreact(
        self, front_end: str, message_id: str, user_id: str, emoji: str, *, is_super: bool
    ) -> bool:
        """Take one reaction away; false if it was not there."""
        async with self._connection.transaction() as run:
            answer_id = await _answer_of(run, front_end, message_id)
            if answer_id is None:
                return False
            taken = await run(
                """
                DELETE FROM reactions WHERE front_end = ? AND message_id = ? AND user_id = ?
                    AND emoji = ? AND is_super = ? RETURNING user_id
                """,
                front_end,
                message_id,
                user_id,
                emoji,
                is_super,
            )
            if taken:
                await self._derive(run, answer_id, user_id)
            return bool(taken)

    async def clear_reactions(
        self, front_end: str, message_id: str, emoji: str | None = None
    ) -> int:
        """Take every reaction from a message, or those of one emoji; give how many."""
        async with self._connection.transaction() as run:
            answer_id = await _answer_of(run, front_end, message_id)
            if answer_id is None:
                return 0
            taken = await run(
                """
                DELETE FROM reactions WHERE front_end = ?1 AND message_id = ?2
                    AND (?3 IS NULL OR emoji = ?3) RETURNING user_id
                """,
                front_end,
                message_id,
                emoji,
            )
            for user_id in {row["user_id"] for row in taken}:
                await self._derive(run, answer_id, user_id)
            return len(taken)

    async def reactions(self, answer_id: int) -> list[Reaction]:
        """Give the reactions on all messages of an answer."""
        rows = await self._connection.run(
            """
            SELECT message_id, user_id, emoji, is_super, kind
            FROM reactions JOIN answer_messages USING (front_end, message_id)
            WHERE answer_id = ? ORDER BY position, user_id, turn
            """,
            answer_id,
        )
        return [to_reaction(row) for row in rows]

    async def correct_reactions(
        self,
        front_end: str,
        answer_id: int,
        *,
        added: Iterable[Reaction],
        removed: Iterable[Reaction],
    ) -> None:
        """Store at once what changed while nobody watched; the order of the added is unknown.

        Where somebody who rated this answer was forgotten, nothing is added: it could be theirs.
        """
        new, gone = list(added), list(removed)
        async with self._connection.transaction() as run:
            if await _has_nameless(run, answer_id):
                new = []
            people = sorted({reaction.user_id for reaction in (*new, *gone)})
            turns = {person: await _next_turn(run, answer_id, person) for person in people}
            for reaction in gone:
                await run(
                    """
                    DELETE FROM reactions WHERE front_end = ? AND message_id = ? AND user_id = ?
                        AND emoji = ? AND is_super = ?
                    """,
                    front_end,
                    reaction.message_id,
                    reaction.user_id,
                    reaction.emoji,
                    reaction.is_super,
                )
            for reaction in new:
                await self._add(run, front_end, reaction, turns[reaction.user_id])
            for person in people:
                await self._derive(run, answer_id, person)

    async def answers_shown(
        self, front_end: str, *, since: datetime, limit: int
    ) -> list[AnswerMessages]:
        """Give the newest answers that are shown in messages, newest first."""
        rows = await self._connection.run(
            """
            SELECT answer_id, channel_id, json_group_array(message_id) AS message_ids FROM (
                SELECT * FROM answer_messages WHERE front_end = ?1 ORDER BY answer_id, position
            ) JOIN answers ON answers.id = answer_id
            WHERE created_at >= ?2
            GROUP BY answer_id, channel_id ORDER BY answer_id DESC LIMIT ?3
            """,
            front_end,
            stamp(since),
            limit,
        )
        return [to_answer_messages(row) for row in rows]

    async def answers_shown_to(self, front_end: str, user_id: str) -> list[AnswerMessages]:
        """Give the messages that show a person's answers, newest first."""
        rows = await self._connection.run(
            """
            SELECT answer_id, channel_id, json_group_array(message_id) AS message_ids
            FROM answer_messages
            JOIN answers ON answers.id = answer_id
            JOIN requests ON requests.id = request_id
            WHERE answer_messages.front_end = ? AND user_id = ?
            GROUP BY answer_id, channel_id ORDER BY answer_id DESC
            """,
            front_end,
            user_id,
        )
        return [to_answer_messages(row) for row in rows]

    async def _add(self, run: Run, front_end: str, reaction: Reaction, turn: int) -> bool:
        added = await run(
            """
            INSERT INTO reactions (
                front_end, message_id, user_id, emoji, is_super, kind, turn, created_at
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (front_end, message_id, user_id, emoji, is_super) DO NOTHING
            RETURNING user_id
            """,
            front_end,
            reaction.message_id,
            reaction.user_id,
            reaction.emoji,
            reaction.is_super,
            reaction.kind,
            turn,
            self._stamp(),
        )
        return bool(added)

    async def _derive(self, run: Run, answer_id: int, user_id: str) -> None:
        """Make a person's ratings of an answer what the reactions say."""
        rows = await run(
            """
            SELECT kind, MAX(turn) AS turn
            FROM reactions JOIN answer_messages USING (front_end, message_id)
            WHERE answer_id = ? AND user_id = ? GROUP BY kind
            """,
            answer_id,
            user_id,
        )
        standing = _standing({RatingKind(row["kind"]): row["turn"] for row in rows})
        for kind in RatingKind:
            if kind not in standing:
                await run(
                    "DELETE FROM ratings WHERE answer_id = ? AND user_id = ? AND kind = ?",
                    answer_id,
                    user_id,
                    kind,
                )
        for kind in standing:
            await self._give(run, answer_id, user_id, kind)


def _standing(turns: dict[RatingKind, int]) -> list[RatingKind]:
    """The kinds that count, given when each was last said."""
    return [
        kind
        for kind, turn in turns.items()
        if kind.excludes is None or turn > turns.get(kind.excludes, 0)
    ]


async def _answer_of(run: Run, front_end: str, message_id: str) -> int | None:
    rows = await run(
        "SELECT answer_id FROM answer_messages WHERE front_end = ? AND message_id = ?",
        front_end,
        message_id,
    )
    return int(rows[0]["answer_id"]) if rows else None


async def _next_turn(run: Run, answer_id: int, user_id: str) -> int:
    [row] = await run(
        """
        SELECT COALESCE(MAX(turn), 0) + 1 AS turn
        FROM reactions JOIN answer_messages USING (front_end, message_id)
        WHERE answer_id = ? AND user_id = ?
        """,
        answer_id,
        user_id,
    )
    return int(row["turn"])


async def _has_nameless(run: Run, answer_id: int) -> bool:
    return bool(
        await run(
            "SELECT 1 FROM ratings WHERE answer_id = ? AND user_id IS NULL LIMIT 1", answer_id
        )
    )
