import asyncio

import aiohttp
import discord
import pytest

from bot.discord.api.patience import Patience
from data.errors import StoreError
from tests.fakes.outlet import refusal

LIMIT_S = 5.0


async def test_what_is_read_is_given():
    async def read() -> str:
        return "text"

    assert await Patience().read("a text", read, "") == "text"


@pytest.mark.parametrize(
    "failure",
    [
        refusal(403), refusal(404), refusal(502), aiohttp.ServerDisconnectedError(), OSError(),
        discord.RateLimited(60.0), discord.InvalidData("?"), TimeoutError(),
    ],
)  # fmt: skip
async def test_no_failure_of_discord_reaches_the_question(failure: Exception):
    async def read() -> str:
        raise failure

    assert await Patience().read("a text", read, "otherwise") == "otherwise"


async def test_the_store_failing_is_no_failure_of_discord():
    async def read() -> str:
        raise StoreError("full")

    with pytest.raises(StoreError):
        await Patience().read("a text", read, "")


async def test_all_readings_share_one_limit():
    patience, started = Patience(0.02), 0

    async def read() -> str:
        nonlocal started
        started += 1
        await asyncio.Event().wait()
        return "never"

    async with asyncio.timeout(LIMIT_S):
        assert await patience.read("a text", read, "otherwise") == "otherwise"
        assert await patience.read("a text", read, "otherwise") == "otherwise"
    assert started == 1


async def test_being_cancelled_is_no_failure():
    async def read() -> str:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Patience().read("a text", read, "")
