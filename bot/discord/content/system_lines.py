"""What Discord itself says in a channel: who joined, what was pinned, how a thread is called."""

from collections.abc import Callable

import discord
from discord import MessageType

from bot.discord.content.components import poll_result_text

_Line = Callable[[discord.Message], str]


def _boosted(level: int | None) -> _Line:
    def line(message: discord.Message) -> str:
        times = f" {message.content} times" if message.content else ""
        reached = f", which has reached level {level}" if level else ""
        return f"boosted the server{times}{reached}"

    return line


def _named(before: str, after: str = "") -> _Line:
    return lambda message: f"{before}{message.content}{after}"


def _people(before: str, after: str) -> _Line:
    def line(message: discord.Message) -> str:
        people = ", ".join(f"<@{one.id}>" for one in message.mentions)
        return f"{before} {people or 'somebody'} {after}"

    return line


def _renamed(message: discord.Message) -> str:
    what = "title" if isinstance(message.channel, discord.Thread) else "channel's name"
    return f"changed the {what} to: {message.content}"


def _subscribed(message: discord.Message) -> str:
    tier = message.role_subscription
    return f"subscribed to {tier.tier_name}" if tier else "subscribed"


def _bought(message: discord.Message) -> str:
    bought = message.purchase_notification and message.purchase_notification.guild_product_purchase
    return f"bought {bought.product_name}" if bought else "bought something"


# Each goes on after its author's name, as Discord shows it.
_LINES: dict[MessageType, _Line] = {
    MessageType.recipient_add: _people("added", ""),
    MessageType.recipient_remove: _people("removed", ""),
    MessageType.call: _named("started a call"),
    MessageType.channel_name_change: _renamed,
    MessageType.channel_icon_change: _named("changed the icon"),
    MessageType.pins_add: _named("pinned a message"),
    MessageType.new_member: _named("joined the server"),
    MessageType.premium_guild_subscription: _boosted(None),
    MessageType.premium_guild_tier_1: _boosted(1),
    MessageType.premium_guild_tier_2: _boosted(2),
    MessageType.premium_guild_tier_3: _boosted(3),
    MessageType.channel_follow_add: _named("added to this channel the news of: "),
    MessageType.guild_stream: _named("is live"),
    MessageType.thread_created: _named("started a thread: "),
    MessageType.role_subscription_purchase: _subscribed,
    MessageType.stage_start: _named("started the stage: "),
    MessageType.stage_end: _named("ended the stage: "),
    MessageType.stage_speaker: _named("is now a speaker"),
    MessageType.stage_raise_hand: _named("asked to speak"),
    MessageType.stage_topic: _named("changed the stage's topic to: "),
    MessageType.purchase_notification: _bought,
    MessageType.poll_result: lambda message: poll_result_text(message.embeds),
    MessageType.emoji_added: _named("added a new emoji: "),
}


def system_line(message: discord.Message) -> str | None:
    """What a system message says, without its author's name; None for other messages.

    Discord shows the title of a thread, a stage or a channel as the content of such a message.
    """
    line = _LINES.get(message.type)
    return None if line is None else f"[{line(message).strip()}]"
