"""Ratings: what people say about answers, and how many there are of each kind."""

from collections import defaultdict
from datetime import datetime

from data.records import Rating, RatingKind, RatingTally, no_ratings
from data.store.connection import RunStatement, Tables
from data.store.rows import stamp, to_rating

_Counts = defaultdict[str, dict[RatingKind, int]]


class Ratings(Tables):
    """Statements over the table `ratings`."""

    async def rate(self, answer_id: int, user_id: str, kind: RatingKind) -> bool:
        """Store a person's rating of an answer; return False if it was stored already.

        It replaces the person's rating of the kind that it excludes. Raises StoreConflict if
        there is no such answer.
        """
        async with self._connection.transaction() as run:
            if kind.excludes is not None:
                await self._remove_rating(run, answer_id, user_id, kind.excludes)
            return await self._add_rating(run, answer_id, user_id, kind)

    async def ratings(self, answer_id: int) -> list[Rating]:
        """Return the ratings of an answer, oldest first."""
        rows = await self._connection.run(
            "SELECT * FROM ratings WHERE answer_id = ? ORDER BY id", answer_id
        )
        return [to_rating(row) for row in rows]

    async def tallies(
        self, *, variant: str | None = None, since: datetime | None = None
    ) -> list[RatingTally]:
        """Return the tally of each variant that has answers, in the order of their names.

        `variant` limits this to one variant, `since` to the answers stored from then on.
        """
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
        counts, by_askers = _Counts(no_ratings), _Counts(no_ratings)
        for row in rated:
            counts[row["variant"]][RatingKind(row["kind"])] = row["ratings"]
            by_askers[row["variant"]][RatingKind(row["kind"])] = row["by_askers"]
        return [
            RatingTally(
                variant=(name := row["variant"]),
                answers=row["answers"],
                counts=counts[name],
                median_total_ms=row["median_total_ms"],
                by_askers=by_askers[name],
            )
            for row in answers
        ]

    async def _add_rating(
        self, run: RunStatement, answer_id: int, user_id: str, kind: RatingKind
    ) -> bool:
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

    async def _remove_rating(
        self, run: RunStatement, answer_id: int, user_id: str, kind: RatingKind
    ) -> None:
        await run(
            "DELETE FROM ratings WHERE answer_id = ? AND user_id = ? AND kind = ?",
            answer_id,
            user_id,
            kind,
        )
