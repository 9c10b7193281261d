"""One SQLite connection, shared by coroutines that never meet inside a transaction."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import LiteralString, Protocol, Self

import aiosqlite

from data.errors import StoreError
from data.store.database import connect
from data.store.faults import converted
from data.store.text import clean

Value = str | int | float | None


class Run(Protocol):
    """A function that runs one statement."""

    async def __call__(self, sql: LiteralString, *values: Value) -> list[sqlite3.Row]:
        """Run it to its end and give its rows; raises the StoreErrors."""
        ...


class Connection:
    """The statements of one database, in order.

    Texts are cleaned (see `data.store.text`) on their way in. What aiosqlite has queued runs to its
    end even if the coroutine that waits for it is cancelled, and in order: so a cancelled
    statement is complete, and a cancelled transaction is rolled back before anything else runs.
    """

    def __init__(self, raw: aiosqlite.Connection, path: Path) -> None:
        self._raw = raw
        self._lock = asyncio.Lock()
        self.path = path

    @classmethod
    async def open(cls, path: Path, *, busy_s: float) -> Self:
        """Open, check and migrate the database in the connection's own thread."""
        raw = _Raw(partial(connect, path, busy_s=busy_s), iter_chunk_size=64)
        opening = asyncio.ensure_future(_opened(raw))
        try:
            return cls(await asyncio.shield(opening), path)
        except asyncio.CancelledError:
            with suppress(StoreError):
                await (await opening).close()
            raise

    async def close(self) -> None:
        """Wait for what is running, then close; a second time does nothing."""
        async with self._lock:
            with converted(self.path):
                await self._raw.close()

    async def run(self, sql: LiteralString, *values: Value) -> list[sqlite3.Row]:
        """Run one statement, a transaction of its own."""
        async with self._lock:
            return await self._run(sql, *values)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Run]:
        """Run several statements, all or none, through the callable that this gives."""
        async with self._lock:
            try:
                await self._run("BEGIN IMMEDIATE")
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


class _Raw(aiosqlite.Connection):
    """Knows when its thread has stopped after a failed start; aiosqlite does not wait for it."""

    stopped: asyncio.Future[None] | None = None

    def stop(self) -> asyncio.Future[None] | None:
        self.stopped = super().stop()
        return self.stopped


async def _opened(raw: _Raw) -> aiosqlite.Connection:
    try:
        return await raw
    except BaseException:
        if raw.stopped is not None:  # else the thread calls into a loop that may be closed by then
            await raw.stopped
        raise
