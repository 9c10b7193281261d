"""Showing something for good: tried again where Discord cannot be reached, or cannot just now."""

import asyncio
from collections.abc import Awaitable, Callable

import discord

from bot.discord.api.endpoints import UNREACHABLE

LAST_EDIT_AGAIN_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)  # seconds between tries


class TemporaryRefusal(Exception):
    """Discord could not do it just now; a later try may work."""


TRANSIENT = (TemporaryRefusal, discord.RateLimited, TimeoutError, *UNREACHABLE)


async def insist(show: Callable[[], Awaitable[None]], failed: Callable[[Exception], None]) -> bool:
    """Call `show` until it works, for about four minutes; whether it did.

    `failed` is called with the last of the TRANSIENT errors; others are raised.
    """
    for wait_s in (*LAST_EDIT_AGAIN_S, None):
        try:
            await show()
        except TRANSIENT as error:
            if wait_s is None:
                failed(error)
                return False
            await asyncio.sleep(wait_s)
        else:
            return True
    raise AssertionError("the last try returns")
