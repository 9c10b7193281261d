"""Reading Discord's messages as people meant them: mentions become names, answers are in full."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import discord

from bot.chat.conversation import Utterance
from bot.discord.identity import FRONT_END, asking_message, continued_request
from bot.discord.incoming.message_cache import CachedMessage
from data.store.store import Store

_MENTION = re.compile(r"<(@!?|@&|#)(\d{15,21})>")
_EMOJI = re.compile(r"<a?(:\w{1,32}:)\d{15,21}>")


@dataclass(frozen=True, slots=True)
class MentionNames:
    """What the ids in a message stand for; `ours` are the bot's own user and role."""

    ours: frozenset[int] = frozenset()
    people: Mapping[int, str] = field(default_factory=dict[int, str])
    roles: Mapping[int, str] = field(default_factory=dict[int, str])
    channels: Mapping[int, str] = field(default_factory=dict[int, str])


def names_in(message: discord.Message, me: int) -> MentionNames:
    """Whom and what a message mentions, as its author saw it; `me` is the bot's id."""
    role = message.guild.self_role if message.guild else None
    return MentionNames(
        ours=frozenset({me} if role is None else {me, role.id}),
        people={person.id: person.display_name for person in message.mentions},
        roles={one.id: one.name for one in message.role_mentions},
        channels={one.id: one.name for one in message.channel_mentions},
    )


def readable(content: str, names: MentionNames) -> str:
    """The text without mentions of the bot; other mentions and custom emoji become words. Pure."""

    def spoken(match: re.Match[str]) -> str:
        sign, number = match[1], int(match[2])
        if number in names.ours and sign != "#":
            return ""
        known = {"#": names.channels, "@&": names.roles}.get(sign, names.people)
        return ("#" if sign == "#" else "@") + known.get(number, "someone" if sign != "#" else "?")

    return _EMOJI.sub(r"\1", _MENTION.sub(spoken, content)).strip()


async def read(message: discord.Message, store: Store, me: int) -> CachedMessage | None:
    """What a message says, for the cache; None where it is no part of a conversation.

    Of the bot's own messages only answers are part of one. An answer is read in full from the
    store, whichever of its messages this is. Raises StoreError.
    """
    parent = message.reference.message_id if message.reference else None
    if message.author.id == me:
        return await _read_own(message, store, parent)
    if message.author.bot or message.webhook_id is not None or message.is_system():
        return None
    text = readable(message.content, names_in(message, me))
    return CachedMessage(message.id, message.author.display_name, text, parent)


async def _read_own(
    message: discord.Message, store: Store, parent: int | None
) -> CachedMessage | None:
    answer = await store.answer_by_message(FRONT_END, str(message.id))
    if answer is None or not answer.text:
        return None
    request = await store.request(answer.request_id)
    if (continued := continued_request(request.source_key)) is not None:
        before = await store.answer_messages(FRONT_END, continued)
        parent = int(before[0].message_id) if before else None
        return CachedMessage(
            message.id, None, answer.text, parent, answer_id=answer.id, goes_on=True
        )
    parent = parent or asking_message(request.source_key)
    # The question that a thread hangs on is no message of the thread.
    stands_outside = parent is None or parent == message.channel.id
    asked = (request.user_name, request.prompt) if stands_outside else None
    return CachedMessage(message.id, None, answer.text, parent, asked, answer.id)


def lines_of(messages: list[CachedMessage]) -> tuple[Utterance, ...]:
    """The messages, oldest first, as a conversation's lines; each answer counts once. Pure."""
    lines: list[Utterance] = []
    seen: set[int] = set()
    for one in messages:
        if one.answer_id is not None:
            if one.answer_id in seen:
                continue
            seen.add(one.answer_id)
        if one.asked is not None and not (lines and lines[-1].text == one.asked[1]):
            lines.append(Utterance(*one.asked))
        if one.goes_on and lines and lines[-1].speaker is None:
            lines[-1] = Utterance(None, lines[-1].text + one.text)
        elif one.text:
            lines.append(Utterance(one.speaker, one.text))
    return tuple(lines)
