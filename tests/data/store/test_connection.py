import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from data.errors import StoreConflict, StoreDamaged, StoreError, StoreLocked, StoreReadOnly
from data.store.connection import Connection
from data.store.database import connect

PUT = "INSERT INTO settings (scope, scope_id, key, value) VALUES ('user', ?, 'k', ?)"
ALL = "SELECT scope_id FROM settings ORDER BY scope_id"
LIMIT_S = 10


@pytest.fixture
async def connection(database: Path) -> AsyncIterator[Connection]:
    opened = await Connection.open(database, busy_s=0.1)
    yield opened
    await opened.close()


async def ids(connection: Connection) -> list[str]:
    async with asyncio.timeout(LIMIT_S):
        return [row["scope_id"] for row in await connection.run(ALL)]


async def put_all(connection: Connection, *rows: tuple[str, str]) -> None:
    async with connection.transaction() as run:
        for scope_id, value in rows:
            await run(PUT, scope_id, value)


async def test_a_transaction_is_done_in_full(connection: Connection) -> None:
    await put_all(connection, ("a", "1"), ("b", "2"))
    assert await ids(connection) == ["a", "b"]


async def test_an_error_in_a_transaction_undoes_it(connection: Connection) -> None:
    with pytest.raises(StoreConflict, match="UNIQUE"):
        await put_all(connection, ("a", "1"), ("a", "2"))
    assert await ids(connection) == []


async def test_nobody_reads_or_writes_inside_anothers_transaction(connection: Connection) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with connection.transaction() as run:
            await run(PUT, "a", "1")
            inside.set()
            await go_on.wait()
            raise StoreError("give up")

    async with asyncio.timeout(LIMIT_S):
        holder = asyncio.create_task(hold())
        await inside.wait()
        reader = asyncio.create_task(ids(connection))
        writer = asyncio.create_task(connection.run(PUT, "b", "2"))
        go_on.set()
        with pytest.raises(StoreError, match="give up"):
            await holder
        assert await reader == []
        await writer
    assert await ids(connection) == ["b"]


async def test_a_transaction_cancelled_half_way_is_undone(connection: Connection) -> None:
    inside = asyncio.Event()

    async def hold() -> None:
        async with connection.transaction() as run:
            await run(PUT, "a", "1")
            inside.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(LIMIT_S):
        holder = asyncio.create_task(hold())
        await inside.wait()
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder
        async with connection.transaction() as run:
            await run(PUT, "b", "2")
    assert await ids(connection) == ["b"]


@pytest.mark.parametrize("cancels", [1, 2])
async def test_a_transaction_cancelled_while_it_waits_for_the_lock_is_undone(
    database: Path, cancels: int
) -> None:
    connection = await Connection.open(database, busy_s=5)

    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        putting = asyncio.create_task(put_all(connection, ("a", "1")))
        for _ in range(cancels):
            for _ in range(5):  # let it get as far as it can: into SQLite's wait
                await asyncio.sleep(0)
            putting.cancel()
        other.execute("ROLLBACK")
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(LIMIT_S):
                await putting
    async with connection.transaction() as run:
        await run(PUT, "b", "2")
    assert await ids(connection) == ["b"]
    await connection.close()


async def test_a_statement_cancelled_while_it_runs_is_complete(database: Path) -> None:
    connection = await Connection.open(database, busy_s=5)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        putting = asyncio.create_task(connection.run(PUT, "a", "1"))
        for _ in range(5):
            await asyncio.sleep(0)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        other.execute("ROLLBACK")
    assert await ids(connection) == ["a"]
    await connection.close()


async def test_opening_cancelled_closes_what_it_opened(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[sqlite3.Connection] = []  # else the garbage collector might close it
    connect(database).close()

    def keep(path: Path, *, busy_s: float) -> sqlite3.Connection:
        kept.append(connect(path, busy_s=busy_s))
        return kept[0]

    monkeypatch.setattr("data.store.connection.connect", keep)
    before = set(threading.enumerate())
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        opening = asyncio.create_task(Connection.open(database, busy_s=5))
        for _ in range(5):
            await asyncio.sleep(0)
        started = set(threading.enumerate()) - before
        opening.cancel()
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(LIMIT_S):
                await opening
    assert started
    for thread in started:
        thread.join(LIMIT_S)
        assert not thread.is_alive()
    assert kept
    assert os.listdir(database.parent) == ["fungpt.db"]  # noqa: PTH208


async def test_a_failed_opening_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with pytest.raises(StoreError, match="cannot be opened"):
        await Connection.open(tmp_path, busy_s=0.1)
    for thread in set(threading.enumerate()) - before:
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def test_a_failed_opening_has_done_with_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    before = set(threading.enumerate())
    for _ in range(20):
        with pytest.raises(StoreError, match="cannot be opened"):
            asyncio.run(Connection.open(tmp_path, busy_s=0.1))
    for thread in set(threading.enumerate()) - before:
        thread.join(LIMIT_S)
    assert failures == []


async def test_closing_waits_for_a_transaction_and_may_be_repeated(database: Path) -> None:
    connection = await Connection.open(database, busy_s=0.1)
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with connection.transaction() as run:
            await run(PUT, "a", "1")
            inside.set()
            await go_on.wait()

    async with asyncio.timeout(LIMIT_S):
        holder = asyncio.create_task(hold())
        await inside.wait()
        closer = asyncio.create_task(connection.close())
        await asyncio.sleep(0)
        go_on.set()
        await holder
        await closer
        await connection.close()
    with closing(sqlite3.connect(database)) as after:
        assert after.execute(ALL).fetchall() == [("a",)]


async def test_another_programs_lock_is_told_of_and_waited_out(
    connection: Connection, database: Path
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(StoreLocked, match="try again"):
                await put_all(connection, ("a", "1"))
        assert await ids(connection) == []  # reading goes on
        other.execute("ROLLBACK")
    await connection.run(PUT, "a", "1")
    assert await ids(connection) == ["a"]


async def test_a_transaction_holds_the_write_lock_from_its_start(
    connection: Connection, database: Path
) -> None:
    # Else its first read might see what another program replaces before its first write.
    with closing(sqlite3.connect(database, isolation_level=None, timeout=0)) as other:
        async with connection.transaction():
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")


async def test_a_full_disk_undoes_the_change_and_no_more(connection: Connection) -> None:
    await connection.run(PUT, "a", "1")
    [pages] = await connection.run("PRAGMA page_count")
    [limit] = await connection.run("PRAGMA max_page_count = 1")
    assert limit[0] == pages[0]  # the file cannot grow
    with pytest.raises(StoreError, match=r"no room left .* free disk space"):
        await put_all(connection, ("b", "2"), ("c", "x" * 100_000))
    assert await ids(connection) == ["a"]
    await connection.run("PRAGMA max_page_count = 100000")
    await connection.run(PUT, "c", "x" * 100_000)
    assert await ids(connection) == ["a", "c"]


async def test_a_database_that_turns_read_only_says_so(connection: Connection) -> None:
    await connection.run("PRAGMA query_only = ON")
    with pytest.raises(StoreReadOnly, match="write permission"):
        await connection.run(PUT, "a", "1")
    await connection.run("PRAGMA query_only = OFF")
    await connection.run(PUT, "a", "1")


async def test_a_text_that_went_bad_on_disk_is_damage(connection: Connection) -> None:
    await connection.run("INSERT INTO settings VALUES ('user', CAST(x'ff0a22' AS TEXT), 'k', 'v')")
    with pytest.raises(StoreDamaged) as caught:
        await connection.run(ALL)
    assert "\n" not in str(caught.value)


async def test_a_number_beyond_sqlites_is_refused(connection: Connection) -> None:
    with pytest.raises(StoreConflict, match="too large"):
        await connection.run("SELECT ?", 2**63)


async def test_any_other_failure_of_sqlite_is_a_store_error(connection: Connection) -> None:
    with pytest.raises(StoreError, match="no such table: nowhere"):
        await connection.run("SELECT * FROM nowhere")
