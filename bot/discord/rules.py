"""What a server's managers have set for it and its channels."""

from collections.abc import Collection
from dataclasses import dataclass

import discord
from discord.abc import Snowflake

from bot.discord.identity import conversation_id, settings_channel
from data.records import YES, Scope, SettingKey
from data.store.store import Store

THREAD_PERMISSION = "Create Public Threads"


@dataclass(frozen=True, slots=True)
class ServerRules:
    """How the bot behaves in one channel of a server.

    `always`: it answers every message of the channel. `threads`: each answer there gets a thread
    of its own. `roles`: the ids of the roles that may ask,
    empty means everybody. `hourly_limit` and `waiting_limit`: how many questions one person may
    ask in an hour, and have unanswered at once; None means that the server sets no limit.
    `tuned_restricted`: in channels without age restriction only the base model answers.
    """

    always: bool = False
    threads: bool = False
    roles: frozenset[int] = frozenset()
    hourly_limit: int | None = None
    waiting_limit: int | None = None
    tuned_restricted: bool = False

    def allows_person(self, roles: Collection[int], *, manages: bool) -> bool:
        """Whether somebody with these roles may ask; whoever `manages` the server always may."""
        return manages or not self.roles or not self.roles.isdisjoint(roles)

    def allows_tuned(self, *, age_restricted: bool) -> bool:
        """Whether another variant than the base may answer here."""
        return age_restricted or not self.tuned_restricted


async def rules_of(store: Store, guild_id: int | None, channel: Snowflake) -> ServerRules:
    """The rules of a channel; a thread has its channel's, a direct message the defaults.

    `guild_id` is None for a direct message. Raises StoreError.
    """
    if guild_id is None:
        return ServerRules()
    server = str(guild_id)

    async def is_on(key: SettingKey) -> bool:
        return await store.setting("channel", settings_channel(channel), key) == YES

    async def number(key: SettingKey) -> int | None:
        value = await store.setting("guild", server, key)
        return int(value) if value else None

    return ServerRules(
        always=await is_on(SettingKey.ALWAYS),
        threads=await is_on(SettingKey.THREADS),
        roles=await allowed_roles(store, guild_id),
        hourly_limit=await number(SettingKey.HOURLY_LIMIT),
        waiting_limit=await number(SettingKey.WAITING_LIMIT),
        tuned_restricted=await store.setting("guild", server, SettingKey.TUNED_AGE_RESTRICTED_ONLY)
        == YES,
    )


async def allowed_roles(store: Store, guild_id: int) -> frozenset[int]:
    """The ids of the roles that may ask in a server; empty means everybody. Raises StoreError."""
    value = await store.setting("guild", str(guild_id), SettingKey.ALLOWED_ROLES)
    return frozenset(int(role) for role in (value or "").split())


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
