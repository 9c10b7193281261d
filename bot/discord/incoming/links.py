"""Links to messages of the same server, for those who may follow them."""

import re
from dataclasses import dataclass

import discord

from bot.discord.api.patience import Patience

LINKS = 3  # of one question; what a linked message links to is not read
_LINK = re.compile(
    r"https?://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/channels/"
    r"(\d{15,21})/(\d{15,21})/(\d{15,21})(?!\d)"
)
_Room = discord.abc.GuildChannel | discord.Thread


@dataclass(frozen=True, slots=True)
class MessageLink:
    """Where a link leads."""

    guild_id: int
    channel_id: int
    message_id: int


def links_in(text: str) -> list[MessageLink]:
    """The links to messages in servers, in their order, each once. Pure."""
    found = [MessageLink(*map(int, match.groups())) for match in _LINK.finditer(text)]
    return list(dict.fromkeys(found))


def may_read(channel: _Room, member: discord.Member) -> bool:
    """Whether a server's member may read the channel, or the channel that a thread is in. Pure.

    For a private thread this is needed, but not enough.
    """
    try:
        allowed = channel.permissions_for(member)
    except discord.ClientException:  # a thread whose channel is hidden
        return False
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel) and not allowed.connect:
        return False
    return allowed.view_channel and allowed.read_message_history


class LinkedMessages:
    """Fetches the messages that links lead to, as far as asker and bot may read them."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client

    async def follow(
        self, link: MessageLink, asker: discord.abc.User, patience: Patience
    ) -> discord.Message | None:
        """The message, None where the asker may not read it or it cannot be had.

        Only links within the server in which the asker asks lead anywhere: only there Discord
        says what they may do.
        """
        guild = self._client.get_guild(link.guild_id)
        if guild is None or not isinstance(asker, discord.Member) or asker.guild != guild:
            return None
        channel = await self._channel(guild, link.channel_id, patience)
        if channel is None or not await self._is_open(channel, asker, patience):
            return None
        place = self._client.get_partial_messageable(channel.id, guild_id=guild.id)
        message = await patience.read(
            "a linked message", lambda: place.fetch_message(link.message_id), None
        )
        if message is not None:  # with its channel, which has a name
            message.channel = channel  # pyright: ignore[reportAttributeAccessIssue]
        return message

    async def _channel(
        self, guild: discord.Guild, channel_id: int, patience: Patience
    ) -> _Room | None:
        known = guild.get_channel_or_thread(channel_id)
        if known is not None:
            return known
        found = await patience.read(
            "a linked channel", lambda: self._client.fetch_channel(channel_id), None
        )
        if not isinstance(found, _Room) or found.guild.id != guild.id:
            return None
        return found

    async def _is_open(self, channel: _Room, asker: discord.Member, patience: Patience) -> bool:
        if not may_read(channel, asker):
            return False
        if not isinstance(channel, discord.Thread) or not channel.is_private():
            return True
        if channel.permissions_for(asker).manage_threads:
            return True
        thread = channel
        member = await patience.read(
            "who is in a private thread", lambda: thread.fetch_member(asker.id), None
        )
        return member is not None
