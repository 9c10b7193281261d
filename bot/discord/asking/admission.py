"""Whether somebody may ask here and now, and which variant may answer."""

import asyncio
from collections import deque

import discord
from discord.abc import Snowflake

from bot.clock import SYSTEM_CLOCK, Clock
from bot.discord.api.endpoints import UNREACHABLE
from bot.discord.identity import conversation_id, settings_channel, user_id
from bot.discord.rules import (
    ServerRules,
    ThreadMode,
    chosen_mode,
    is_age_restricted,
    rules_of,
)
from bot.errors import AskedTooOften, BotError, NotAllowed, TooManyWaiting
from bot.front_end import Services

_HOUR_S = 3600.0
MOST_REMEMBERED = 10_000  # people whose asks are counted
RESTRICTED = "In this server only the base model answers outside age-restricted channels."
SWITCHED_OFF = "I am switched off in this thread. Its owner can change that with /thread."
LOOK_UP_S = 3.0


class RulesUnknown(BotError):
    """It cannot be found out whether this person may ask here."""


class Admission:
    """Checks each ask against the server's rules. Its counts are forgotten at a restart."""

    def __init__(self, services: Services, clock: Clock = SYSTEM_CLOCK) -> None:
        self._chat = services.chat
        self._store = services.store
        self._clock = clock
        self._asked: dict[tuple[int, int], deque[float]] = {}

    async def admit(
        self,
        person: discord.abc.User,
        channel: Snowflake,
        variant: str | None = None,
        *,
        counts: bool = True,
    ) -> str | None:
        """Admit one ask, count it, and give its `Ask.variant`: None for the active one.

        `variant` is the one that the person asked for by name. With `counts` False the ask takes
        the place of one that was counted. Raises NotAllowed, TooManyWaiting or AskedTooOften, all
        of them UserErrors; then the ask is not counted. Raises RulesUnknown where Discord does not
        say which roles the person has, though the rules go by them.
        """
        guild = getattr(channel, "guild", None)
        guild_id = None if guild is None else int(guild.id)
        rules = await rules_of(self._store, guild_id, channel)
        mode = None
        if isinstance(channel, discord.Thread):
            mode = await chosen_mode(self._store, channel.id)
        if mode is ThreadMode.OFF:
            raise NotAllowed(SWITCHED_OFF)
        if guild is not None and rules.roles:
            person = await _member(guild, person)
        manages = _manages(person)
        if not rules.allows_person(_roles(person), manages=manages):
            raise NotAllowed("The managers of this server let only some roles talk to me.")
        permitted = await self._permitted(rules, person, channel, variant)
        self._check_waiting(rules, person)
        if guild_id is not None and not manages and counts:
            self._count(rules.hourly_limit, guild_id, person.id)
        return permitted

    async def _permitted(
        self, rules: ServerRules, person: Snowflake, channel: Snowflake, variant: str | None
    ) -> str | None:
        if rules.allows_tuned(age_restricted=is_age_restricted(channel)):
            return variant
        base = await self._chat.variants.base()
        if variant is None:
            active = await self._chat.variants.active(
                user_id(person), conversation_id(channel), settings_channel(channel)
            )
            return None if active == base else base
        if variant != base:
            raise NotAllowed(RESTRICTED)
        return variant

    def _check_waiting(self, rules: ServerRules, person: Snowflake) -> None:
        limit = rules.waiting_limit
        if limit is not None and len(self._chat.unfinished_of(user_id(person))) >= limit:
            raise TooManyWaiting(limit, self._chat.busy_s(user_id(person)))

    def _count(self, limit: int | None, guild_id: int, person_id: int) -> None:
        now = self._clock.monotonic()
        times = self._asked.pop((guild_id, person_id), deque())
        while times and times[0] <= now - _HOUR_S:
            times.popleft()
        self._asked[guild_id, person_id] = times  # the newest is last
        if limit is not None and len(times) >= limit:
            raise AskedTooOften(limit, times[0] + _HOUR_S - now)
        if limit is not None:
            times.append(now)
        while len(self._asked) > MOST_REMEMBERED:
            del self._asked[next(iter(self._asked))]


async def _member(guild: discord.Guild, person: discord.abc.User) -> discord.abc.User:
    """The person with their roles, which an event need not have brought along."""
    if isinstance(person, discord.Member):
        return person
    try:
        async with asyncio.timeout(LOOK_UP_S):
            return await guild.fetch_member(person.id)
    except (discord.HTTPException, discord.RateLimited, TimeoutError, *UNREACHABLE) as failure:
        raise RulesUnknown(f"the roles of a person are unknown: {failure!r}") from failure


def _roles(person: object) -> list[int]:
    return [role.id for role in person.roles] if isinstance(person, discord.Member) else []


def _manages(person: object) -> bool:
    if not isinstance(person, discord.Member):
        return False
    guild_permissions = person.guild_permissions
    return guild_permissions.manage_guild or guild_permissions.administrator
