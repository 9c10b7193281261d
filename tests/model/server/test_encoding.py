import asyncio
import threading

import pytest

from model.server.encoding import LONG, LONG_AT_ONCE, THREADS, ShortFirst


@pytest.fixture
async def pool():
    made = ShortFirst()
    yield made
    made.close()


async def test_results_and_errors_come_back(pool):
    assert await pool.run(1, lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        await pool.run(1, lambda: 1 // 0)


async def test_long_ones_leave_threads_for_short_ones(pool, until):
    free = threading.Event()
    long = [asyncio.create_task(pool.run(LONG, free.wait)) for _ in range(THREADS + 2)]
    await until(lambda: pool._running == LONG_AT_ONCE)
    assert await pool.run(LONG - 1, lambda: "short") == "short"
    assert not any(task.done() for task in long)
    free.set()
    assert all(await asyncio.gather(*long))


async def test_the_shortest_that_waits_is_next(pool, until):
    free, order = threading.Event(), []
    busy = [asyncio.create_task(pool.run(0, free.wait)) for _ in range(THREADS)]
    await until(lambda: pool._running == THREADS)
    sizes = [30, 10, 20]
    waiting = [asyncio.create_task(pool.run(n, lambda n=n: order.append(n))) for n in sizes]
    await until(lambda: len(pool._waiting) == len(sizes))
    free.set()
    await asyncio.gather(*busy, *waiting)
    assert order == sorted(sizes)


async def test_what_nobody_waits_for_is_not_begun(pool, until):
    free, begun = threading.Event(), []
    busy = [asyncio.create_task(pool.run(0, free.wait)) for _ in range(THREADS)]
    left = asyncio.create_task(pool.run(1, lambda: begun.append(1)))
    await until(lambda: len(pool._waiting) == 1)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    free.set()
    await asyncio.gather(*busy)
    assert await pool.run(2, lambda: begun) == []


async def test_closing_ends_what_waits(pool, until):
    free = threading.Event()
    busy = [asyncio.create_task(pool.run(0, free.wait)) for _ in range(THREADS + 1)]
    await until(lambda: len(pool._waiting) == 1)
    pool.close()
    free.set()
    results = await asyncio.gather(*busy, return_exceptions=True)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 1
