"""Channels and threads that discord.py does not know, as archived threads are not."""

import asyncio
import logging

import discord

from bot.clock import SYSTEM_CLOCK, Clock
from bot.discord.api.endpoints import UNREACHABLE
from bot.discord.newest import Newest

LOOK_UP_S = 3.0
AGAIN_S = 60.0  # after which an unknown place is asked for once more
REMEMBERED = 1000
_log = logging.getLogger(__name__)


class Places:
    """Asks Discord for them, once, whoever speaks there."""

    def __init__(self, client: discord.Client, clock: Clock = SYSTEM_CLOCK) -> None:
        self._client = client
        self._clock = clock
        self._found: Newest[int, tuple[discord.Thread | None, float]] = Newest(REMEMBERED)

    def known(self, message: discord.Message) -> discord.Message:
        """The message, in its channel as far as that is known."""
        if isinstance(message.channel, discord.PartialMessageable):
            found, _ = self._found.get(message.channel.id) or (None, 0.0)
            if found is not None:
                message.channel = found
        return message

    async def in_full(self, message: discord.Message) -> discord.Message:
        """The message, in its channel as Discord knows it; as it was where Discord does not say."""
        place = message.channel
        if not isinstance(place, discord.PartialMessageable) or message.guild is None:
            return message
        found, until = self._found.get(place.id) or (None, 0.0)
        if found is None and self._clock.monotonic() >= until:
            found = await self._fetch(place.id)
            self._found.put(place.id, (found, self._clock.monotonic() + AGAIN_S))
        return self.known(message)

    async def _fetch(self, channel_id: int) -> discord.Thread | None:
        try:
            async with asyncio.timeout(LOOK_UP_S):
                found = await self._client.fetch_channel(channel_id)
        except (discord.DiscordException, TimeoutError, *UNREACHABLE) as failure:
            _log.warning("a channel is unknown: %s", type(failure).__name__)
            return None
        return found if isinstance(found, discord.Thread) else None
