"""Ratings: what people said about answers, and the sums over it."""

from collections import defaultdict
from datetime import datetime

from data.records import Rating, RatingKind, RatingTally
from data.store.connection import Run
from data.store.rows import stamp, to_rating
from data.store.tables import Tables

_Counts = defaultdict[str, dict[RatingKind, int]]


class Ratings(Tables):
    """The `ratings` table."""

    async def rate(self, answer_id: int, user_id: str, kind: RatingKind) -> bool:
        """Give a person's rating of an answer; false if it stood already.

        It takes the place of the kind that it excludes. StoreConflict if there is no such answer.
        """
        async with self._connection.transaction() as run:
            await run(
                "DELETE FROM ratings WHERE answer_id = ? AND user_id = ? AND kind = ?",
                answer_id,
                user_id,
                kind.excludes,
            )
            return await self._give(run, answer_id, user_id, kind)

    async def unrate(self, answer_id: int, user_id: str, kind: RatingKind) -> bool:
        """Take a person's rating back; false if there was none."""
        taken = await self._connection.run(
            "DELETE FROM ratings WHERE answer_id = ? AND user_id = ? AND kind = ? RETURNING id",
            answer_id,
            user_id,
            kind,
        )
        return bool(taken)

    async def ratings(self, answer_id: int) -> list[Rating]:
        """Give an answer's ratings, oldest first."""
        rows = await self._connection.run(
            "SELECT * FROM ratings WHERE answer_id = ? ORDER BY id", answer_id
        )
        return [to_rating(row) for row in rows]

    async def tallies(
        self, *, variant: str | None = None, since: datetime | None = None
    ) -> list[RatingTally]:
        """Sum up each variant's answers (or one's, or the answers since a time), by name."""
        start = stamp(since) if since else ""
        answers = await self._connection.run(
            """
            WITH ranked AS (
                SELECT variant, total_ms, COUNT(*) OVER (PARTITION BY variant) AS answers,
                    ROW_NUMBER() OVER (PARTITION BY variant ORDER BY total_ms) AS place
                FROM answers WHERE created_at >= ?1 AND (?2 IS NULL OR variant = ?2)
            )
            SELECT variant, answers, AVG(total_ms) AS median_total_ms FROM ranked
            WHERE place IN ((answers + 1) / 2, (answers + 2) / 2)  -- the middle one, or two
            GROUP BY variant ORDER BY variant
            """,
            start,
            variant,
        )
        rated = await self._connection.run(
            """
            SELECT variant, kind, COUNT(*) AS ratings, SUM(by_asker) AS by_askers
            FROM ratings JOIN answers ON answers.id = answer_id
            WHERE answers.created_at >= ?1 AND (?2 IS NULL OR variant = ?2)
            GROUP BY variant, kind
            """,
            start,
            variant,
        )
        counts, by_askers = _Counts(_no_counts), _Counts(_no_counts)
        for row in rated:
            counts[row["variant"]][RatingKind(row["kind"])] = row["ratings"]
            by_askers[row["variant"]][RatingKind(row["kind"])] = row["by_askers"]
        return [
            RatingTally(name, row["answers"], counts[name], row["median_total_ms"], by_askers[name])
            for row in answers
            for name in (row["variant"],)
        ]

    async def _give(self, run: Run, answer_id: int, user_id: str, kind: RatingKind) -> bool:
        added = await run(
            """
            INSERT INTO ratings (answer_id, user_id, kind, created_at, by_asker)
            VALUES (?1, ?2, ?3, ?4, COALESCE((
                SELECT requests.user_id = ?2
                FROM answers JOIN requests ON requests.id = request_id WHERE answers.id = ?1
            ), 0))
            ON CONFLICT (answer_id, user_id, kind) DO NOTHING RETURNING id
            """,
            answer_id,
            user_id,
            kind,
            self._stamp(),
        )
        return bool(added)


def _no_counts() -> dict[RatingKind, int]:
    return dict.fromkeys(RatingKind, 0)
