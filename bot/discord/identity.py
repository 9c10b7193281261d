"""How Discord's people and places are called in the store."""

import discord
from discord.abc import Snowflake

from bot.front_end import FrontEndName

FRONT_END = FrontEndName.DISCORD


def user_id(user: Snowflake) -> str:
    """A person's id."""
    return str(user.id)


def conversation_id(channel: Snowflake) -> str:
    """The conversation of a channel, a thread (its own) or a direct message."""
    return f"{FRONT_END}:{channel.id}"


def settings_channel(channel: object) -> str:
    """The channel whose settings count: a thread's parent, else the channel itself."""
    if isinstance(channel, discord.Thread):
        return str(channel.parent_id)
    return str(getattr(channel, "id", ""))


def message_key(channel_id: int, message_id: int) -> str:
    """The `source_key` of what a message asks."""
    return f"{FRONT_END}:message:{channel_id}:{message_id}"


def interaction_key(interaction_id: int) -> str:
    """The `source_key` of what a command or a button asks."""
    return f"{FRONT_END}:interaction:{interaction_id}"


def asking_message(source_key: str) -> int | None:
    """The message that asked, if it was one."""
    kind, _, numbers = source_key.removeprefix(f"{FRONT_END}:").partition(":")
    number = numbers.rpartition(":")[2]
    return int(number) if kind == "message" and number.isdigit() else None


def channel_of(conversation: str) -> int | None:
    """The channel, thread or direct message that a conversation stands in."""
    front_end, _, number = conversation.partition(":")
    return int(number) if front_end == FRONT_END and number.isdigit() else None
