"""The store: all that the bot remembers, in one SQLite file."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from data.store.answers import Answers
from data.store.choices import Personas, Settings
from data.store.connection import Connection
from data.store.database import BUSY_S
from data.store.deliveries import Deliveries
from data.store.exports import Exports
from data.store.people import People
from data.store.reactions import Reactions
from data.store.requests import Requests
from data.store.withdrawals import Withdrawals


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Store(
    Requests, Answers, Deliveries, Reactions, Settings, Personas, Exports, People, Withdrawals
):
    """Requests, answers, messages, ratings and settings. Coroutines may share one store.

    Every method is one transaction: it changes everything it should, or nothing. A caller that
    is cancelled while it waits does not know which of the two, so a write that must happen has
    to be shielded. Any method may raise a StoreError, whose text says what to do. Lone surrogates
    and NULs in texts are stored as U+FFFD.
    """

    @classmethod
    async def open(
        cls, path: Path, *, now: Callable[[], datetime] = _utc_now, busy_s: float = BUSY_S
    ) -> Self:
        """Open the database at `path`; create or migrate it if needed.

        `now` is the clock for everything that is stored. Each statement waits at most `busy_s`
        seconds for another program's lock. Raises the StoreErrors.
        """
        return cls(await Connection.open(path, busy_s=busy_s), now)

    async def close(self) -> None:
        """Wait for what is running, then close the file. Closing twice is allowed."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
