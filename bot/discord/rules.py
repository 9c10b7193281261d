"""What a server's managers have set for it and its channels, and thread owners for theirs."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import discord
from discord.abc import Snowflake

from bot.discord.identity import conversation_id, settings_channel
from data.errors import StoreTooNew
from data.records import YES, Scope, SettingKey
from data.store.store import Store

THREAD_PERMISSION = "Create Public Threads"
_Value = TypeVar("_Value")


class ThreadMode(StrEnum):
    """When the bot answers in a thread; the values are stored."""

    ALWAYS = "always"
    CALLED = "called"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class ServerRules:
    """How the bot behaves in one channel of a server.

    `always`: it answers every message of the channel. `threads`: each answer there gets a thread
    of its own. `roles`: the ids of the roles that may ask,
    empty means everybody. `hourly_limit` and `waiting_limit`: how many questions one person may
    ask in an hour, and have unanswered at once; None means that the server sets no limit.
    `tuned_restricted`: in channels without age restriction only the base model answers.
    `keeps_answers`: an answer stays where its question is deleted.
    """

    always: bool = False
    threads: bool = False
    roles: frozenset[int] = frozenset()
    hourly_limit: int | None = None
    waiting_limit: int | None = None
    tuned_restricted: bool = False
    keeps_answers: bool = False

    def allows_person(self, roles: Collection[int], *, manages: bool) -> bool:
        """Whether somebody with these roles may ask; whoever `manages` the server always may."""
        return manages or not self.roles or not self.roles.isdisjoint(roles)

    def allows_tuned(self, *, age_restricted: bool) -> bool:
        """Whether another variant than the base may answer here."""
        return age_restricted or not self.tuned_restricted


async def rules_of(store: Store, guild_id: int | None, channel: Snowflake) -> ServerRules:
    """The rules of a channel; a thread has its channel's, a direct message the defaults.

    `guild_id` is None for a direct message. Raises StoreError, also for a value that a newer
    version of the program stored.
    """
    if guild_id is None:
        return ServerRules()
    server = str(guild_id)

    async def number(key: SettingKey) -> int | None:
        value = await store.setting("guild", server, key)
        return _understood(key, value, int) if value else None

    return ServerRules(
        always=await is_always(store, channel),
        threads=await opens_threads(store, channel),
        roles=await allowed_roles(store, guild_id),
        hourly_limit=await number(SettingKey.HOURLY_LIMIT),
        waiting_limit=await number(SettingKey.WAITING_LIMIT),
        tuned_restricted=await _is_on(store, "guild", server, SettingKey.TUNED_AGE_RESTRICTED_ONLY),
        keeps_answers=await keeps_answers(store, guild_id),
    )


async def is_always(store: Store, channel: Snowflake) -> bool:
    """Whether a channel, or a thread's channel, is an always-channel. Raises StoreError."""
    return await _is_on(store, "channel", settings_channel(channel), SettingKey.ALWAYS)


async def opens_threads(store: Store, channel: Snowflake) -> bool:
    """Whether each answer in a channel gets a thread of its own. Raises StoreError."""
    return await _is_on(store, "channel", settings_channel(channel), SettingKey.THREADS)


async def keeps_answers(store: Store, guild_id: int) -> bool:
    """Whether an answer stays where its question is deleted. Raises StoreError."""
    return await _is_on(store, "guild", str(guild_id), SettingKey.KEEP_ANSWERS)


async def thread_mode(store: Store, thread: discord.Thread) -> ThreadMode:
    """When the bot answers in a thread: as it was set there, else as it follows from what it was.

    In a thread of an always-channel, in one that the bot opened, and in one into which somebody
    called it, it answers everything. A mode that only a newer version knows counts as CALLED.
    Raises StoreError.
    """
    chosen = await chosen_mode(store, thread.id)
    if chosen is not None:
        return chosen
    stays = thread.owner_id == thread.guild.me.id or await _was_called(store, thread)
    return ThreadMode.ALWAYS if stays or await is_always(store, thread) else ThreadMode.CALLED


async def chosen_mode(store: Store, thread_id: int) -> ThreadMode | None:
    """The mode that was set for a thread, None if none was. Raises StoreError."""
    value = await store.setting("channel", str(thread_id), SettingKey.THREAD_MODE)
    if value is None:
        return None
    return ThreadMode(value) if value in set(ThreadMode) else ThreadMode.CALLED


async def note_call(store: Store, channel: Snowflake) -> None:
    """Note that somebody called the bot into this thread; elsewhere it does nothing."""
    if not isinstance(channel, discord.Thread):
        return
    place = str(channel.id)
    if await store.setting("channel", place, SettingKey.CALLED) is None:
        await store.set_setting("channel", place, SettingKey.CALLED, YES)


async def _was_called(store: Store, thread: discord.Thread) -> bool:
    if await _is_on(store, "channel", str(thread.id), SettingKey.CALLED):
        return True
    # Threads from before calls were noted: an answer tells of one, unless the channel was an
    # always-channel for a while, where answers come without any call.
    switched = await store.setting("channel", settings_channel(thread), SettingKey.ALWAYS)
    return switched is None and await store.last_answer(conversation_id(thread)) is not None


async def allowed_roles(store: Store, guild_id: int) -> frozenset[int]:
    """The ids of the roles that may ask in a server; empty means everybody.

    Raises StoreError, also for a value that a newer version of the program stored.
    """
    value = await store.setting("guild", str(guild_id), SettingKey.ALLOWED_ROLES)
    return _understood(
        SettingKey.ALLOWED_ROLES, value or "", lambda text: frozenset(map(int, text.split()))
    )


async def _is_on(store: Store, scope: Scope, scope_id: str, key: SettingKey) -> bool:
    return await store.setting(scope, scope_id, key) == YES


def _understood(key: SettingKey, value: str, reading: Callable[[str], _Value]) -> _Value:
    try:
        return reading(value)
    except ValueError as error:
        raise StoreTooNew(
            f"the setting {key} was stored by a newer version of this program: install that one,"
            " or set it anew"
        ) from error


def persona_place(channel: Snowflake) -> tuple[Scope, str]:
    """The scope and id of the setting with a channel's or thread's own persona.

    A direct message's is kept with its conversation, so that it is forgotten with the person.
    """
    if getattr(channel, "guild", None) is None:
        return "conversation", conversation_id(channel)
    return "channel", str(channel.id)


async def persona_of(store: Store, channel: Snowflake) -> str | None:
    """The system prompt set for a channel or thread, None if there is none.

    A thread without a persona has its channel's. Raises StoreError.
    """
    own = await store.setting(*persona_place(channel), SettingKey.PERSONA)
    if own is not None or settings_channel(channel) == str(channel.id):
        return own
    return await store.setting("channel", settings_channel(channel), SettingKey.PERSONA)


def is_age_restricted(channel: object) -> bool:
    """Whether Discord shows this channel, or this thread's channel, only to adults."""
    ask = getattr(channel, "is_nsfw", None)
    return bool(ask()) if callable(ask) else False


def may_open_threads(channel: object) -> bool:
    """Whether Discord lets the bot open threads in this channel, and write in them."""
    if not isinstance(channel, discord.TextChannel):
        return False
    held = channel.permissions_for(channel.guild.me)
    return held.create_public_threads and held.send_messages_in_threads
