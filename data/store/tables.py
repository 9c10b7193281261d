"""What the parts of the store share."""

from collections.abc import Callable
from datetime import datetime

from data.errors import StoreConflict
from data.store.connection import Connection, Run
from data.store.rows import stamp


class Tables:
    """A part of the store: some tables' statements over the one connection, and the clock."""

    def __init__(self, connection: Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now

    def _stamp(self) -> str:
        return stamp(self._now())


async def refusal(run: Run, request_id: int, wanted: str) -> StoreConflict:
    """Say why the request cannot do what is wanted, such as "become running"."""
    rows = await run("SELECT state FROM requests WHERE id = ?", request_id)
    found = f"is {rows[0]['state']}" if rows else "does not exist"
    return StoreConflict(f"request {request_id} {found}, so it cannot {wanted}")
