"""Looking at a message, its channel and its server for what decides whether the bot answers."""

from typing import TypeGuard

import discord

from bot.discord.content.contents import contents_of
from bot.discord.incoming.addressing import calls_in
from bot.discord.incoming.reading import names_in
from bot.discord.incoming.triggers import Incoming
from bot.discord.rules import ThreadMode, is_always, thread_mode
from data.store.store import Store

_SPOKEN = (discord.MessageType.default, discord.MessageType.reply)


def incoming(message: discord.Message, me: int) -> Incoming:
    """The message as `triggers.decide` wants it; `me` is the bot's id."""
    author, names = message.author, names_in(message, me)
    contents = contents_of(message, names)
    called = calls_in(message.content)
    notified = {one.id for one in (*message.mentions, *message.role_mentions)}
    by_name = not (called.people | called.roles).isdisjoint(names.ours & notified)
    replied = _replied(message)
    pointed = contents_of(replied, names_in(replied, me)) if replied else None
    # A reply that pings the bot is a reply to it, though what it replies to is gone by now.
    pinged = replied is None and is_reply(message) and me in notified - called.people
    answered = pinged or (replied is not None and replied.author.id == me)
    return Incoming(
        is_from_person=not author.bot
        and message.webhook_id is None
        and message.type in _SPOKEN
        and author.id != me,
        may_speak=may_speak(message),
        text=contents.text,
        mentions_bot=by_name or (answered and me in notified),
        mentions_everyone=message.mention_everyone or called.everybody,
        mentions_others=bool(
            (called.people - names.ours - {author.id}) | called.roles - names.ours
        ),
        is_direct=isinstance(message.channel, discord.DMChannel),
        replies_to_bot=answered,
        replies_to_others=is_reply(message)
        and not answered
        and (replied is None or replied.author.id != author.id),
        replies_readable=replied is not None
        and pointed is not None
        and bool(pointed.text or pointed.files or replied.author.id == me),
        has_text_file=bool(contents.files),
        has_other_file=not contents.is_whole or (pointed is not None and not pointed.is_whole),
    )


def is_reply(message: discord.Message) -> bool:
    """Whether it replies to a message; one that is forwarded refers to another as well."""
    return message.type is discord.MessageType.reply and message.reference is not None


def may_speak(message: discord.Message) -> bool:
    """Whether Discord lets the bot write where the message stands; False where nobody knows."""
    channel, guild = message.channel, message.guild
    if isinstance(channel, discord.DMChannel):
        return True
    if guild is None or not _is_there(guild.me) or guild.me.is_timed_out():
        return False
    try:
        allowed = channel.permissions_for(guild.me)
    except discord.ClientException:  # a thread whose channel is hidden
        return False
    if isinstance(channel, discord.Thread):
        return allowed.view_channel and allowed.send_messages_in_threads and not channel.locked
    return allowed.view_channel and allowed.send_messages


async def mode_of(message: discord.Message, store: Store) -> ThreadMode:
    """When the bot answers where the message stands: a channel is never off. Raises StoreError."""
    channel = message.channel
    if isinstance(channel, discord.Thread):
        return await thread_mode(store, channel)
    if message.guild is None:
        return ThreadMode.CALLED
    return ThreadMode.ALWAYS if await is_always(store, channel) else ThreadMode.CALLED


def _replied(message: discord.Message) -> discord.Message | None:
    """What the message replies to, as far as Discord sent it along."""
    resolved = message.reference.resolved if message.reference and is_reply(message) else None
    return resolved if isinstance(resolved, discord.Message) else None


def _is_there(me: discord.Member | None) -> TypeGuard[discord.Member]:
    """Whether the bot's own membership is known; discord.py promises more than it has."""
    return me is not None
