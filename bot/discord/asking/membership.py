"""Which servers a person shares with the bot, and as whom: rules go by that also elsewhere."""

import asyncio
from collections.abc import AsyncIterator

import discord
from discord.abc import Snowflake

from bot.clock import SYSTEM_CLOCK, Clock
from bot.discord.newest import Newest

FRESH_S = 60.0  # roles may change, and Discord tells bots of that only with a privileged intent
MOST_REMEMBERED = 10_000  # pairs of a server and a person
AT_ONCE = 8  # servers asked at once


class Membership:
    """Asks Discord for members, and remembers its answers for FRESH_S seconds.

    Methods raise what discord.py raises where Discord cannot be asked.
    """

    def __init__(self, client: discord.Client, clock: Clock = SYSTEM_CLOCK) -> None:
        self._client = client
        self._clock = clock
        self._known = Newest[tuple[int, int], tuple[float, discord.Member | None]](MOST_REMEMBERED)

    def server_of(self, channel: Snowflake) -> discord.Guild | None:
        """The server that a channel is in, if the bot is in it too.

        None for direct messages, groups, and servers where somebody uses the bot as an app of
        their own.
        """
        guild = getattr(channel, "guild", None)
        guild_id = getattr(channel, "guild_id", None) if guild is None else guild.id
        return None if guild_id is None else self._client.get_guild(int(guild_id))

    async def member(self, guild: discord.Guild, person: Snowflake) -> discord.Member | None:
        """The person with their roles there; None for somebody who is not in the server."""
        if isinstance(person, discord.Member) and person.guild.id == guild.id:
            return person
        key = guild.id, person.id
        at, known = self._known.get(key) or (None, None)
        now = self._clock.monotonic()
        if at is not None and now - at < FRESH_S:
            return known
        try:
            found = await guild.fetch_member(person.id)
        except discord.NotFound:
            found = None
        self._known.put(key, (now, found))
        return found

    async def shared(self, person: Snowflake) -> AsyncIterator[discord.Member]:
        """The person as a member of each server that they share with the bot.

        Those in which the person was found lately come first.
        """
        guilds = sorted(
            (guild for guild in self._client.guilds if not guild.unavailable),
            key=lambda guild: (self._known.get((guild.id, person.id)) or (0, None))[1] is None,
        )
        for start in range(0, len(guilds), AT_ONCE):
            some = guilds[start : start + AT_ONCE]
            for found in await asyncio.gather(*(self.member(guild, person) for guild in some)):
                if found is not None:
                    yield found
