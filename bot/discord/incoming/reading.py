"""Reading one of Discord's messages as a part of a conversation."""

from dataclasses import replace

import discord

from bot.chat.conversation import Utterance
from bot.chat.people import Person
from bot.discord.content.contents import Contents, contents_of
from bot.discord.content.markup import MentionNames
from bot.discord.identity import FRONT_END, asked_at, asking_message, continued_request, user_id
from bot.discord.incoming.message_cache import CachedMessage
from data.store.store import Store


def names_in(message: discord.Message, me: int) -> MentionNames:
    """Whom and what a message mentions, as its author saw it; `me` is the bot's id."""
    guild = message.guild
    role = guild.self_role if guild else None
    people = {person.id: person.display_name for person in message.mentions}
    return replace(
        names_at(guild, None),
        ours=frozenset({me} if role is None else {me, role.id}),
        own_name=people.pop(me, "you"),
        people=people,
    )


def names_at(guild: discord.Guild | None, me: discord.ClientUser | None) -> MentionNames:
    """What roles and channels are called in a server; `me` is the bot, if it is to be named."""
    return MentionNames(
        ours=frozenset({me.id} if me else ()),
        own_name=me.display_name if me else "you",
        role=lambda id_: _name(guild and guild.get_role(id_)),
        channel=lambda id_: _name(guild and guild.get_channel_or_thread(id_)),
    )


def speaker_of(message: discord.Message) -> Person:
    """Who wrote a message. Behind one webhook speaks everybody whose name it shows."""
    author = message.author
    behind = f" {author.display_name}" if message.webhook_id is not None else ""
    return Person(f"{user_id(author)}{behind}", author.display_name)


async def read(message: discord.Message, store: Store, me: int) -> CachedMessage | None:
    """What a message says, for the cache; None where it is no part of a conversation.

    Of the bot's own messages only answers are part of one. An answer is read in full from the
    store, whichever of its messages this is. The message that opens a thread stands for the one
    that the thread hangs on. Raises StoreError.
    """
    reference = message.reference
    if message.type is discord.MessageType.thread_starter_message:
        opened = reference.resolved if reference else None
        return await read(opened, store, me) if isinstance(opened, discord.Message) else None
    parent = replied_to(message)
    if message.author.id == me:
        return await _read_own(message, store, parent)
    contents = contents_of(message, names_in(message, me))
    return CachedMessage(
        message.id, speaker_of(message), contents, parent, is_bot=_is_program(message)
    )


def replied_to(message: discord.Message) -> int | None:
    """The id of the message in the same channel that this one replies to, None if there is none.

    What is forwarded or followed is no part of the conversation: it says so itself what it is.
    """
    reference = message.reference
    if reference is None or reference.type is not discord.MessageReferenceType.reply:
        return None
    return reference.message_id if reference.channel_id == message.channel.id else None


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
            message.id,
            None,
            Contents(answer.text),
            parent,
            asker=request.user_id,
            answer_id=answer.id,
            goes_on=True,
        )
    parent = parent or asking_message(request.source_key)
    # The question that a thread hangs on is no message of the thread.
    stands_outside = parent is None or parent == message.channel.id
    asked = None
    if stands_outside:
        asked = Utterance(request.user_name, request.prompt, request.user_id)
    return CachedMessage(
        message.id, None, Contents(answer.text), parent, asked, request.user_id, answer.id,
        asked_at=asked_at(request.source_key),
    )  # fmt: skip


def _is_program(message: discord.Message) -> bool:
    """Whether another bot wrote it. A webhook may speak for a person, an answer to a command not.

    Discord calls both bots, and gives both the id of a webhook.
    """
    hook = message.webhook_id
    by_command = message.interaction_metadata is not None or hook == message.application_id
    return message.author.bot and (hook is None or by_command)


def _name(thing: discord.Role | discord.abc.GuildChannel | discord.Thread | None) -> str | None:
    return None if thing is None else thing.name
