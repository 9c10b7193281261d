"""Reading from Discord what would be good to know: an answer never fails or waits for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord

from bot.discord.api.endpoints import UNREACHABLE

READING_S = 4.0  # long enough for one or two of discord.py's repetitions
_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Patience:
    """The time that may go into reading around one question: `limit_s` seconds from now on.

    discord.py repeats what Discord's servers fail at for half a minute, and waits for rate limits
    as long as it is told to: with this, a question waits no longer than its limit for all that it
    does not need.
    """

    def __init__(self, limit_s: float = READING_S) -> None:
        self._ends = asyncio.get_running_loop().time() + limit_s

    async def read(
        self, what: str, reading: Callable[[], Awaitable[_Result]], otherwise: _Result
    ) -> _Result:
        """What `reading` gives; `otherwise` where Discord fails, refuses, or takes too long.

        Other errors, such as the store's, are raised. A failure is logged as `what`.
        """
        if asyncio.get_running_loop().time() >= self._ends:
            return otherwise
        try:
            async with asyncio.timeout_at(self._ends):
                return await reading()
        except (discord.NotFound, discord.Forbidden) as refusal:
            _log.debug("%s: Discord said %d (%d)", what, refusal.status, refusal.code)
        except (discord.DiscordException, *UNREACHABLE, TimeoutError) as error:
            _log.info("went on without %s: %s", what, type(error).__name__)
        return otherwise
