"""Doing something for good: tried again where Discord cannot be reached, or cannot just now."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import discord

from bot.discord.api.endpoints import UNREACHABLE

LAST_EDIT_AGAIN_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)  # seconds between tries


class TemporaryRefusal(Exception):
    """Discord could not do it just now; a later try may work."""


TRANSIENT = (TemporaryRefusal, discord.RateLimited, TimeoutError, *UNREACHABLE)


async def insist(
    act: Callable[[], Awaitable[None]],
    failed: Callable[[Exception], None],
    again_s: Sequence[float] | None = None,
) -> bool:
    """Call `act` until it works; whether it did.

    `again_s` are the seconds between tries; if None it is tried for about four minutes. `failed`
    is called with the last of the TRANSIENT errors; others are raised.
    """
    for wait_s in (*(LAST_EDIT_AGAIN_S if again_s is None else again_s), None):
        try:
            await act()
        except TRANSIENT as error:
            if wait_s is None:
                failed(error)
                return False
            await asyncio.sleep(wait_s)
        else:
            return True
    raise AssertionError("the last try returns")
