import asyncio

import pytest

from bot.chat.people import Person
from bot.discord.content.contents import Contents
from bot.discord.incoming.message_cache import CachedMessage, MessageCache

SAID = CachedMessage(1, Person("1", "Ann"), Contents("hello"))
LIMIT_S = 5.0


class Fetch:
    def __init__(self, result: CachedMessage | None = SAID) -> None:
        self.calls = 0
        self.result = result
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> CachedMessage | None:
        self.calls += 1
        await self.gate.wait()
        return self.result


async def test_a_message_is_fetched_once():
    cache, fetch = MessageCache(), Fetch()
    assert [await cache.get(1, fetch), await cache.get(1, fetch)] == [SAID, SAID]
    assert fetch.calls == 1


async def test_who_comes_meanwhile_waits_for_the_same_fetch():
    cache, fetch = MessageCache(), Fetch()
    fetch.gate.clear()
    both = asyncio.gather(cache.get(1, fetch), cache.get(1, fetch))
    await asyncio.sleep(0)
    fetch.gate.set()
    async with asyncio.timeout(LIMIT_S):
        assert await both == [SAID, SAID]
    assert fetch.calls == 1


async def test_a_cancelled_fetch_lets_the_next_one_in():
    cache, fetch = MessageCache(), Fetch()
    fetch.gate.clear()
    first = asyncio.create_task(cache.get(1, fetch))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.get(1, fetch))
    await asyncio.sleep(0)
    first.cancel()
    fetch.gate.set()
    async with asyncio.timeout(LIMIT_S):
        assert await second == SAID
    assert first.cancelled()
    assert fetch.calls == 2


async def test_a_failed_fetch_is_tried_again():
    cache = MessageCache()

    async def fail() -> CachedMessage | None:
        raise OSError

    with pytest.raises(OSError):
        await cache.get(1, fail)
    assert await cache.get(1, Fetch()) == SAID


async def test_what_was_not_there_is_looked_for_again():
    cache, fetch = MessageCache(), Fetch(None)
    assert await cache.get(1, fetch) is None
    fetch.result = SAID
    assert await cache.get(1, fetch) == SAID


async def test_what_is_forgotten_is_fetched_anew():
    cache, fetch = MessageCache(), Fetch()
    await cache.get(1, fetch)
    cache.forget(1)
    cache.forget(2)
    await cache.get(1, fetch)
    assert fetch.calls == 2
    cache.clear()
    assert len(cache) == 0


async def test_the_memory_is_bounded_and_keeps_what_is_used():
    cache, fetch = MessageCache(limit=3), Fetch()
    for number in (1, 2, 3, 1, 4):
        await cache.get(number, fetch)
    assert len(cache) == 3
    await cache.get(1, fetch)
    assert fetch.calls == 4
    await cache.get(2, fetch)
    assert fetch.calls == 5
