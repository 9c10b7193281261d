"""What people post besides plain text, and the places that they open for it."""

from collections.abc import Iterable
from typing import Any

from tests.discord_server.driver import Discord
from tests.discord_server.state.messages import File, Json, Message
from tests.discord_server.state.payloads import file_json
from tests.discord_server.state.places import Channel, ChannelKind, User
from tests.discord_server.state.snowflakes import time_of

THREAD_CREATED = 18


async def post(
    discord: Discord,
    channel: Channel,
    user: User,
    text: str = "",
    *,
    files: Iterable[File] = (),
    embeds: list[Json] | None = None,
    components: list[Json] | None = None,
    webhook: bool = False,
    **extra: Any,
) -> Message:
    """Write a message that shows more than text; `extra` is what Discord's JSON has of it."""
    body = {"content": text, "embeds": embeds or [], "components": components or []}
    message = discord.world.make(channel, user, body, files)
    message.extra = extra
    message.webhook_id = user.id if webhook else None
    return discord.world.post(message)


async def forward(discord: Discord, message: Message, channel: Channel, user: User) -> Message:
    """Forward a message, without a word."""
    files = [file_json(file, discord.world.base_url) for file in message.files]
    snapshot = {
        "type": int(message.kind), "content": message.content, "embeds": message.embeds,
        "attachments": files, "components": message.components, "flags": message.flags,
        "timestamp": time_of(message.id), "edited_timestamp": None,
        "mentions": [], "mention_roles": [],
    }  # fmt: skip
    place = {
        "type": 1, "message_id": str(message.id), "channel_id": str(message.channel.id),
    }  # fmt: skip
    if message.channel.guild is not None:
        place["guild_id"] = str(message.channel.guild.id)
    return await post(
        discord, channel, user, message_reference=place, message_snapshots=[{"message": snapshot}]
    )


def link(message: Message, server: str = "discord.com") -> str:
    """The link to a message of a server, as people copy it."""
    assert message.channel.guild is not None
    guild, channel = message.channel.guild, message.channel
    return f"https://{server}/channels/{guild.id}/{channel.id}/{message.id}"


def thread_on(discord: Discord, message: Message, owner: User, name: str) -> Channel:
    """A thread that hangs on a message, whose id it has."""
    thread = discord.world.add_thread(message.channel, owner, name, message.id)
    return discord.opened(thread)


def hidden_thread(discord: Discord, parent: Channel, owner: User) -> Channel:
    """A thread that the bot's connection was never told of."""
    return discord.world.add_thread(parent, owner, "an old thread")


def private_thread(discord: Discord, parent: Channel, owner: User) -> Channel:
    """A thread for its owner and the bot alone."""
    thread = discord.world.add_thread(parent, owner, "a private thread")
    thread.kind = ChannelKind.PRIVATE_THREAD
    return discord.opened(thread)


def nickname(discord: Discord, user: User, nick: str | None) -> None:
    """Call somebody by another name in the server."""
    discord.guild.members[user.id].nick = nick
