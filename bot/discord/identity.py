"""The names that Discord's people, places and events have in the store. Pure."""

import discord
from discord.abc import Snowflake

from bot.front_end import FrontEndName

FRONT_END = FrontEndName.DISCORD
_MESSAGE, _INTERACTION, _CONTINUATION = "message", "interaction", "continuation"
MESSAGE_KIND = f"{FRONT_END}:{_MESSAGE}:"  # how the keys of what messages asked begin


def user_id(user: Snowflake) -> str:
    """The stored id of a person."""
    return str(user.id)


def own_id(client: discord.Client) -> int:
    """Discord's id of the bot itself; 0 before it has logged in."""
    return client.user.id if client.user else 0


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
    return f"{MESSAGE_KIND}{channel_id}:{message_id}"


def interaction_key(interaction_id: int) -> str:
    """The `source_key` of a request that a command or a button made."""
    return f"{FRONT_END}:{_INTERACTION}:{interaction_id}"


def opening_key(interaction_id: int, channel_id: int, message_id: int) -> str:
    """The `source_key` of a request that a command made, whose response opens its thread."""
    return f"{interaction_key(interaction_id)}:{channel_id}:{message_id}"


def opening_response(source_key: str) -> tuple[int, int] | None:
    """The ids of the channel and of the response in it that opens the thread; None for others."""
    channel_id, message_id = (_number(source_key, _INTERACTION, place) for place in (1, 2))
    return None if channel_id is None or message_id is None else (channel_id, message_id)


def continuation_key(request_id: int, attempt: int) -> str:
    """The `source_key` of a request that goes on with the answer to another."""
    return f"{FRONT_END}:{_CONTINUATION}:{request_id}:{attempt}"


def continued_request(source_key: str) -> int | None:
    """The id of the request whose answer the one with this key goes on with; None for others."""
    return _number(source_key, _CONTINUATION, 0)


def edited_key(question_key: str, edition: int) -> str:
    """The `source_key` of a request that asks an edited message anew; each edit has one."""
    return f"{question_key}:{edition}"


def asking_message(source_key: str) -> int | None:
    """The id of the message that made the request with this key; None if no message did."""
    return _number(source_key, _MESSAGE, 1)


def asking_channel(source_key: str) -> int | None:
    """The id of the channel in which the message stands that made the request; None as above."""
    return _number(source_key, _MESSAGE, 0)


def asked_at(source_key: str) -> int | None:
    """The Discord id of the moment at which this was asked; None for what Discord did not ask."""
    return _number(source_key, _INTERACTION, 0) or asking_message(source_key)


def question_key(source_key: str) -> str:
    """The key of the question itself: that of an edited message without the edit."""
    return ":".join(source_key.split(":")[:4])


def channel_of(conversation: str) -> int | None:
    """The id of a conversation's channel, thread or direct message; None if it has none."""
    front_end, _, number = conversation.partition(":")
    return int(number) if front_end == FRONT_END and number.isdigit() else None


def _number(source_key: str, kind: str, place: int) -> int | None:
    """The number at this place of a key of this kind; None for other keys."""
    front_end, found, *numbers = [*source_key.split(":"), "", "", ""]
    number = numbers[place]
    is_ours = front_end == FRONT_END and found == kind
    return int(number) if is_ours and number.isdigit() else None
