"""Looking at a message, its channel and its server for what decides whether the bot answers."""

import re

import discord

from bot.discord.content.contents import contents_of
from bot.discord.identity import conversation_id
from bot.discord.incoming.reading import names_in
from bot.discord.incoming.triggers import Incoming
from bot.discord.rules import rules_of
from data.store.store import Store

_EVERYBODY = re.compile(r"@(everyone|here)\b")  # also from those who may not ping everybody
_SPOKEN = (discord.MessageType.default, discord.MessageType.reply)


def incoming(message: discord.Message, me: int) -> Incoming:
    """The message as `triggers.decide` wants it; `me` is the bot's id."""
    author, names = message.author, names_in(message, me)
    resolved = message.reference.resolved if message.reference else None
    replied = resolved if isinstance(resolved, discord.Message) else None
    contents = contents_of(message, names)
    pointed = contents_of(replied, names_in(replied, me)) if replied else None
    mentioned = {one.id for one in (*message.mentions, *message.role_mentions)}
    return Incoming(
        is_from_person=not author.bot
        and message.webhook_id is None
        and message.type in _SPOKEN
        and author.id != me,
        may_speak=may_speak(message),
        text=contents.text,
        mentions_bot=not mentioned.isdisjoint(names.ours),
        mentions_everyone=message.mention_everyone or bool(_EVERYBODY.search(message.content)),
        is_direct=message.guild is None,
        replies_to_bot=replied is not None and replied.author.id == me,
        replies_readable=replied is not None
        and pointed is not None
        and bool(pointed.text or pointed.files or replied.author.id == me),
        has_text_file=bool(contents.files),
        has_other_file=not contents.is_whole or (pointed is not None and not pointed.is_whole),
    )


def may_speak(message: discord.Message) -> bool:
    """Whether Discord lets the bot write where the message stands."""
    channel, guild = message.channel, message.guild
    if guild is None:
        return True
    if guild.me is None or guild.me.is_timed_out():  # pyright: ignore[reportUnnecessaryComparison]
        return False
    try:
        allowed = channel.permissions_for(guild.me)
    except discord.ClientException:  # a thread whose channel is hidden
        return False
    if isinstance(channel, discord.Thread):
        return allowed.view_channel and allowed.send_messages_in_threads and not channel.locked
    return allowed.view_channel and allowed.send_messages


async def is_listening(message: discord.Message, store: Store) -> bool:
    """Whether the bot answers every message of the channel or thread.

    It does so in an always-channel and its threads, in a thread that the bot opened, and in one
    in which it has answered before. Raises StoreError.
    """
    channel = message.channel
    if isinstance(channel, discord.Thread):
        called = await store.last_answer(conversation_id(channel)) is not None
        if called or channel.owner_id == (message.guild.me.id if message.guild else None):
            return True
    guild_id = message.guild.id if message.guild else None
    return (await rules_of(store, guild_id, channel)).always
