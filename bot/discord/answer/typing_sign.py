"""The first sign that something is coming: Discord's “is typing”, until there is a message."""

import asyncio
from contextlib import suppress

import discord

from bot.discord.api.unreachable import UNREACHABLE


class TypingSign:
    """Begun before anything is read or stored, so that nobody waits for it.

    Whoever begins it ends it, or hands it on together with its outlet.
    """

    def __init__(self, place: discord.abc.Messageable) -> None:
        self._place = place
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Show it; a second time changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._show(), name="typing")

    async def end(self) -> None:
        """Take it away; it may have ended before, or never begun."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _show(self) -> None:
        """A sign that Discord does not take is no loss."""
        with suppress(discord.HTTPException, discord.RateLimited, TimeoutError, *UNREACHABLE):
            async with self._place.typing():
                await asyncio.Event().wait()
