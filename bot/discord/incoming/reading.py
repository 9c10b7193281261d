"""Turning Discord's messages into what was said."""

import discord

from bot.chat.conversation import Utterance
from bot.discord.identity import FRONT_END, asking_message
from bot.discord.incoming.addressing import Names, readable
from bot.discord.incoming.message_cache import Said
from data.store.store import Store


def names_in(message: discord.Message, me: int) -> Names:
    """Whom and what a message mentions, as its author saw it; `me` is the bot's id."""
    role = message.guild.self_role if message.guild else None
    return Names(
        ours=frozenset({me} if role is None else {me, role.id}),
        people={person.id: person.display_name for person in message.mentions},
        roles={one.id: one.name for one in message.role_mentions},
        channels={one.id: one.name for one in message.channel_mentions},
    )


async def read(message: discord.Message, store: Store, me: int) -> Said | None:
    """What a message says; None for what is no part of a conversation.

    Of the bot's own messages only answers are, each in full, whichever of its messages it is.
    """
    parent = message.reference.message_id if message.reference else None
    if message.author.id == me:
        return await _read_own(message, store, parent)
    if message.author.bot or message.webhook_id is not None or message.is_system():
        return None
    text = readable(message.content, names_in(message, me))
    return Said(message.id, message.author.display_name, text, parent)


async def _read_own(message: discord.Message, store: Store, parent: int | None) -> Said | None:
    answer = await store.answer_by_message(FRONT_END, str(message.id))
    if answer is None or not answer.text:
        return None
    request = await store.request(answer.request_id)
    asked_by_message = asking_message(request.source_key)
    parent = parent or asked_by_message
    asked = None if parent else (request.user_name, request.prompt)
    return Said(message.id, None, answer.text, parent, asked, answer.id)


def lines_of(said: list[Said]) -> tuple[Utterance, ...]:
    """A conversation, oldest first; an answer in several messages is said once. Pure."""
    lines: list[Utterance] = []
    seen: set[int] = set()
    for one in said:
        if one.answer_id is not None:
            if one.answer_id in seen:
                continue
            seen.add(one.answer_id)
        if one.asked is not None:
            lines.append(Utterance(*one.asked))
        if one.text:
            lines.append(Utterance(one.speaker, one.text))
    return tuple(lines)
