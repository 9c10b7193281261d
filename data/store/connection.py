"""One SQLite connection, shared by coroutines, and the base class of the store's parts."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import LiteralString, Protocol, Self

import aiosqlite

from data.errors import StoreError
from data.store.database import connect
from data.store.faults import converted
from data.store.rows import clean, stamp

Value = str | int | float | None


class RunStatement(Protocol):
    """A function that runs one SQL statement."""

    async def __call__(self, sql: LiteralString, *values: Value) -> list[sqlite3.Row]:
        """Run `sql` with `values` for its placeholders; return all its rows.

        Raises the StoreErrors.
        """
        ...


class Connection:
    """Runs the statements of one database, one after the other.

    Texts are cleaned on their way in (see `data.store.rows.clean`). aiosqlite runs what it has
    queued to its end and in order, even if the coroutine that waits for it is cancelled. So a
    cancelled statement is complete, and a cancelled transaction is rolled back before anything
    else runs.
    """

    def __init__(self, raw: aiosqlite.Connection, path: Path) -> None:
        self._raw = raw
        self._lock = asyncio.Lock()
        self.path = path

    @classmethod
    async def open(cls, path: Path, *, busy_s: float) -> Self:
        """Open, check and migrate the database in a thread of the connection's own.

        Each statement waits at most `busy_s` seconds for another program's lock. Raises the
        StoreErrors.
        """
        raw = _Raw(partial(connect, path, busy_s=busy_s), iter_chunk_size=64)
        opening = asyncio.ensure_future(_opened(raw))
        try:
            return cls(await asyncio.shield(opening), path)
        except asyncio.CancelledError:
            with suppress(StoreError):
                await (await opening).close()
            raise

    async def close(self) -> None:
        """Wait for what is running, then close. Closing twice is allowed."""
        async with self._lock:
            with converted(self.path):
                await self._raw.close()

    async def run(self, sql: LiteralString, *values: Value) -> list[sqlite3.Row]:
        """Run one statement as a transaction of its own; return its rows."""
        async with self._lock:
            return await self._run(sql, *values)

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[RunStatement]:
        """Yield a function that reads; all that it reads is as at one moment.

        Whoever writes is not waited for, and need not wait.
        """
        async with self._within("BEGIN DEFERRED") as run:
            yield run

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[RunStatement]:
        """Yield a function that runs statements; all of them take effect, or none."""
        async with self._within("BEGIN IMMEDIATE") as run:
            yield run

    @asynccontextmanager
    async def _within(self, begin: LiteralString) -> AsyncGenerator[RunStatement]:
        async with self._lock:
            try:
                await self._run(begin)
                yield self._run
                await self._run("COMMIT")
            except BaseException:
                with converted(self.path):
                    await self._raw.rollback()  # does nothing where no transaction is open
                raise

    async def _run(self, sql: LiteralString, *values: Value) -> list[sqlite3.Row]:
        bound = [clean(value) if isinstance(value, str) else value for value in values]
        with converted(self.path):
            return list(await self._raw.execute_fetchall(sql, bound))


class Tables:
    """Base class of the store's parts: each has the statements of some tables.

    All parts share one connection and one clock; `now` returns a time with its time zone.
    """

    def __init__(self, connection: Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now

    def _stamp(self) -> str:
        return stamp(self._now())


class _Raw(aiosqlite.Connection):
    """An aiosqlite connection that remembers when its thread stops after a failed start.

    aiosqlite itself does not wait for that thread.
    """

    stopped: asyncio.Future[None] | None = None

    def stop(self) -> asyncio.Future[None] | None:
        self.stopped = super().stop()
        return self.stopped


async def _opened(raw: _Raw) -> aiosqlite.Connection:
    try:
        return await raw
    except BaseException:
        # Otherwise the thread could call into an event loop that is closed by then.
        if raw.stopped is not None:
            await raw.stopped
        raise
