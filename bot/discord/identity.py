"""The names that Discord's people, places and events have in the store. Pure."""

import discord
from discord.abc import Snowflake

from bot.front_end import FrontEndName

FRONT_END = FrontEndName.DISCORD
_CONTINUATION = "continuation"


def user_id(user: Snowflake) -> str:
    """The stored id of a person."""
    return str(user.id)


def conversation_id(channel: Snowflake) -> str:
    """The name of the conversation in a channel, a thread or a direct message."""
    return f"{FRONT_END}:{channel.id}"


def settings_channel(channel: object) -> str:
    """The id of the channel whose settings count: a thread's parent, else the channel itself."""
    if isinstance(channel, discord.Thread):
        return str(channel.parent_id)
    return str(getattr(channel, "id", ""))


def message_key(channel_id: int, message_id: int) -> str:
    """The `source_key` of a request that a message made."""
    return f"{FRONT_END}:message:{channel_id}:{message_id}"


def interaction_key(interaction_id: int) -> str:
    """The `source_key` of a request that a command or a button made."""
    return f"{FRONT_END}:interaction:{interaction_id}"


def continuation_key(request_id: int, attempt: int) -> str:
    """The `source_key` of a request that goes on with the answer to another."""
    return f"{FRONT_END}:{_CONTINUATION}:{request_id}:{attempt}"


def continued_request(source_key: str) -> int | None:
    """The id of the request whose answer the one with this key goes on with; None for others."""
    kind, _, numbers = source_key.removeprefix(f"{FRONT_END}:").partition(":")
    number = numbers.partition(":")[0]
    return int(number) if kind == _CONTINUATION and number.isdigit() else None


def asking_message(source_key: str) -> int | None:
    """The id of the message that made the request with this key; None if no message did."""
    kind, _, numbers = source_key.removeprefix(f"{FRONT_END}:").partition(":")
    number = numbers.rpartition(":")[2]
    return int(number) if kind == "message" and number.isdigit() else None


def asking_channel(source_key: str) -> int | None:
    """The id of the channel in which the message stands that made the request; None as above."""
    kind, _, numbers = source_key.removeprefix(f"{FRONT_END}:").partition(":")
    number = numbers.partition(":")[0]
    return int(number) if kind == "message" and number.isdigit() else None


def channel_of(conversation: str) -> int | None:
    """The id of a conversation's channel, thread or direct message; None if it has none."""
    front_end, _, number = conversation.partition(":")
    return int(number) if front_end == FRONT_END and number.isdigit() else None
