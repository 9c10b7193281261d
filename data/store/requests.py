"""Requests: each is accepted once, moves from state to state, and ends once."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from data.errors import StoreConflict
from data.records import NewRequest, Request, RequestState, Turn, UnansweredState
from data.store.connection import RunStatement, Tables
from data.store.exports import known_person_hash
from data.store.rows import sampling_json, stamp, to_request, turns_json


class Requests(Tables):
    """Statements over the table `requests`."""

    async def add_request(self, new: NewRequest) -> tuple[Request, bool]:
        """Store a request as waiting; return it and True.

        If its `source_key` is known already, nothing is stored; return the request that has that
        key, as it stands now, and False.
        """
        async with self._connection.transaction() as run:
            added = await run(
                """
                INSERT INTO requests (
                    source_key, conversation, front_end, user_id, user_name, prompt, turns,
                    variant, sampling, in_history, is_counted, state, created_at
                ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?)
                ON CONFLICT (source_key) DO NOTHING
                RETURNING *
                """,
                new.source_key,
                new.conversation,
                new.front_end,
                new.user_id,
                new.user_name,
                new.prompt,
                turns_json(new.turns),
                new.variant,
                sampling_json(new.sampling),
                new.in_history,
                new.is_counted,
                self._stamp(),
            )
            found = added or await run(
                "SELECT * FROM requests WHERE source_key = ?", new.source_key
            )
            return to_request(found[0]), bool(added)

    async def request(self, request_id: int) -> Request:
        """Return a request as it stands now; raise StoreConflict if there is none of that id."""
        rows = await self._connection.run("SELECT * FROM requests WHERE id = ?", request_id)
        if not rows:
            raise StoreConflict(f"request {request_id} does not exist")
        return to_request(rows[0])

    async def request_from(self, source_key: str) -> Request | None:
        """Return the request with this `source_key`, or None."""
        rows = await self._connection.run("SELECT * FROM requests WHERE source_key = ?", source_key)
        return to_request(rows[0]) if rows else None

    async def asked_since(self, user_id: str, since: datetime) -> list[datetime]:
        """Return when a person asked since then, wherever that was, oldest first.

        That the person was forgotten meanwhile changes nothing about that. Only reads.
        """
        async with self._connection.snapshot() as run:
            rows = await run(
                """
                SELECT created_at AS asked_at FROM requests
                WHERE user_id = ?1 AND created_at > ?3 AND is_counted
                UNION ALL
                SELECT asked_at FROM forgotten_asks WHERE person = ?2 AND asked_at > ?3
                ORDER BY asked_at
                """,
                user_id,
                await known_person_hash(run, user_id),
                stamp(since),
            )
        return [datetime.fromisoformat(row["asked_at"]) for row in rows]

    async def unfinished(self) -> list[Request]:
        """Return all waiting and running requests, oldest first."""
        rows = await self._connection.run(
            "SELECT * FROM requests WHERE state IN ('waiting', 'running') ORDER BY id"
        )
        return [to_request(row) for row in rows]

    async def mark_running(self, request_id: int) -> Request:
        """Make a waiting request running and count one attempt more; return it.

        Raises StoreConflict if the request is not waiting.
        """
        return await self._move(
            RequestState.RUNNING,
            request_id,
            """
            UPDATE requests SET state = 'running', attempts = attempts + 1, started_at = ?
            WHERE id = ? AND state = 'waiting' RETURNING *
            """,
            self._stamp(),
        )

    async def requeue(self, request_id: int) -> Request:
        """Make a running request wait again, with its attempts unchanged; return it.

        Raises StoreConflict if the request is not running.
        """
        return await self._move(
            RequestState.WAITING,
            request_id,
            """
            UPDATE requests SET state = 'waiting', started_at = NULL
            WHERE id = ? AND state = 'running' RETURNING *
            """,
        )

    async def replace_turns(self, request_id: int, turns: Sequence[Turn]) -> None:
        """Store the turns that the model is really given, in place of those stored at first.

        Raises StoreConflict if the request has ended.
        """
        replaced = await self._connection.run(
            """
            UPDATE requests SET turns = ?
            WHERE id = ? AND state IN ('waiting', 'running') RETURNING id
            """,
            turns_json(turns),
            request_id,
        )
        if not replaced:
            raise await refusal(self._connection.run, request_id, "get other turns")

    async def reword(
        self,
        request_id: int,
        prompt: str,
        turns: Sequence[Turn],
        *,
        interrupted: bool = False,
    ) -> bool:
        """Change what a waiting request asks.

        With `interrupted` a running one, too: it waits again then, and its attempts begin anew,
        as nobody has tried the new words yet. Otherwise nothing changes and False is returned.
        """
        changed = await self._connection.run(
            """
            UPDATE requests SET prompt = ?1, turns = ?2, state = 'waiting', started_at = NULL,
                attempts = CASE WHEN state = 'running' THEN 0 ELSE attempts END
            WHERE id = ?3 AND (state = 'waiting' OR (?4 AND state = 'running')) RETURNING id
            """,
            prompt,
            turns_json(turns),
            request_id,
            interrupted,
        )
        return bool(changed)

    async def end(self, request_id: int, state: UnansweredState, error: str | None = None) -> bool:
        """End a request without an answer; return False, changing nothing, if it had ended."""
        ended = await self._connection.run(
            """
            UPDATE requests SET state = ?, error = ?, ended_at = ?
            WHERE id = ? AND state IN ('waiting', 'running') RETURNING id
            """,
            state,
            error,
            self._stamp(),
            request_id,
        )
        return bool(ended)

    async def _move(
        self, to: RequestState, request_id: int, sql: LiteralString, *values: str
    ) -> Request:
        moved = await self._connection.run(sql, *values, request_id)
        if not moved:
            raise await refusal(self._connection.run, request_id, f"become {to}")
        return to_request(moved[0])


async def refusal(run: RunStatement, request_id: int, wanted: str) -> StoreConflict:
    """Make the error for a request that cannot do what is wanted, such as "become running".

    Its text names the request's state, or says that there is no such request.
    """
    rows = await run("SELECT state FROM requests WHERE id = ?", request_id)
    found = f"is {rows[0]['state']}" if rows else "does not exist"
    return StoreConflict(f"request {request_id} {found}, so it cannot {wanted}")
