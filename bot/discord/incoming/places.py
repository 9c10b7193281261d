"""Where a message stands, also where discord.py does not know: in threads it was not told of."""

import discord

from bot.discord.api.patience import Patience
from bot.discord.incoming.newest import Newest

_REMEMBERED = 500
_FRESH_S = 300.0  # nobody tells of changes to a thread that discord.py does not know


class Places:
    """Finds out the channel of messages whose channel is unknown.

    Discord tells of a server's active threads when the bot connects, and of new ones. A thread
    that was archived then, or was made private and opened to the bot later, comes up with its
    first message only.
    """

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._found: Newest[int, tuple[float, discord.Thread | None]] = Newest(_REMEMBERED)

    async def settle(self, message: discord.Message) -> None:
        """Give the message its thread if it has none; what cannot be found stays as it is."""
        channel, guild = message.channel, message.guild
        if guild is None or not isinstance(channel, discord.PartialMessageable):
            return
        thread = guild.get_thread(channel.id) or await self._look_up(channel.id)
        if thread is not None:
            message.channel = thread

    async def _look_up(self, channel_id: int) -> discord.Thread | None:
        now = self._client.loop.time()
        known = self._found.get(channel_id)
        if known is not None and known[0] > now - _FRESH_S:
            return known[1]
        found = await Patience().read(
            "a thread", lambda: self._client.fetch_channel(channel_id), None
        )
        thread = found if isinstance(found, discord.Thread) else None
        self._found.put(channel_id, (now, thread))
        return thread
