"""Reactions to the messages that show answers, and the ratings that follow from them."""

from collections.abc import Iterable
from datetime import datetime

from data.records import AnswerMessages, RatingKind, Reaction
from data.store.connection import RunStatement
from data.store.ratings import Ratings
from data.store.rows import stamp, to_answer_messages, to_reaction


class Reactions(Ratings):
    """Statements over the table `reactions`.

    Each change of a person's reactions also changes that person's ratings of the answer: they
    have a rating of a kind as long as they have a reaction of that kind on any message of the
    answer. Of two kinds that exclude each other the later one counts; neither counts if it is
    unknown which was later.
    """

    async def react(self, front_end: str, reaction: Reaction) -> bool:
        """Store a reaction; return False if it is stored already or its message shows no answer."""
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
        """Remove one reaction; return False if it was not stored."""
        async with self._connection.transaction() as run:
            answer_id = await _answer_of(run, front_end, message_id)
            if answer_id is None:
                return False
            taken = await _remove(run, front_end, message_id, user_id, emoji, is_super=is_super)
            if taken:
                await self._derive(run, answer_id, user_id)
            return taken

    async def clear_reactions(
        self, front_end: str, message_id: str, emoji: str | None = None
    ) -> int:
        """Remove all reactions from a message, or those of one emoji; return how many."""
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
        """Return the reactions to all messages that show an answer."""
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
        """Add and remove reactions that changed while the bot was away, in one transaction.

        The order in which the added ones were made is taken to be unknown. Nothing is added if
        somebody who rated this answer was forgotten: the reaction could be theirs.
        """
        new, gone = list(added), list(removed)
        async with self._connection.transaction() as run:
            if await _has_nameless(run, answer_id):
                new = []
            people = sorted({reaction.user_id for reaction in (*new, *gone)})
            turns = {person: await _next_turn(run, answer_id, person) for person in people}
            for one in gone:
                await _remove(
                    run, front_end, one.message_id, one.user_id, one.emoji, is_super=one.is_super
                )
            for reaction in new:
                await self._add(run, front_end, reaction, turns[reaction.user_id])
            for person in people:
                await self._derive(run, answer_id, person)

    async def answers_shown(
        self, front_end: str, *, since: datetime, limit: int
    ) -> list[AnswerMessages]:
        """Return the newest `limit` answers that messages show, newest first.

        Answers stored before `since` are left out.
        """
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
        """Return the messages that show the answers to a person, newest answer first."""
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

    async def _add(self, run: RunStatement, front_end: str, reaction: Reaction, turn: int) -> bool:
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

    async def _derive(self, run: RunStatement, answer_id: int, user_id: str) -> None:
        """Make a person's ratings of an answer follow from that person's reactions."""
        rows = await run(
            """
            SELECT kind, MAX(turn) AS turn
            FROM reactions JOIN answer_messages USING (front_end, message_id)
            WHERE answer_id = ? AND user_id = ? GROUP BY kind
            """,
            answer_id,
            user_id,
        )
        counting = counting_kinds({RatingKind(row["kind"]): row["turn"] for row in rows})
        for kind in RatingKind:
            if kind not in counting:
                await self._remove_rating(run, answer_id, user_id, kind)
        for kind in counting:
            await self._add_rating(run, answer_id, user_id, kind)


def counting_kinds(turns: dict[RatingKind, int]) -> list[RatingKind]:
    """Return the kinds that count as ratings.

    `turns` has for each kind the turn of the person's last reaction of that kind. Of two kinds
    that exclude each other, only one with a later turn than the other's counts.
    """
    return [
        kind
        for kind, turn in turns.items()
        if kind.excludes is None or turn > turns.get(kind.excludes, 0)
    ]


async def _remove(
    run: RunStatement,
    front_end: str,
    message_id: str,
    user_id: str,
    emoji: str,
    *,
    is_super: bool,
) -> bool:
    removed = await run(
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
    return bool(removed)


async def _answer_of(run: RunStatement, front_end: str, message_id: str) -> int | None:
    rows = await run(
        "SELECT answer_id FROM answer_messages WHERE front_end = ? AND message_id = ?",
        front_end,
        message_id,
    )
    return int(rows[0]["answer_id"]) if rows else None


async def _next_turn(run: RunStatement, answer_id: int, user_id: str) -> int:
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


async def _has_nameless(run: RunStatement, answer_id: int) -> bool:
    return bool(
        await run(
            "SELECT 1 FROM ratings WHERE answer_id = ? AND user_id IS NULL LIMIT 1", answer_id
        )
    )
