"""Whether somebody may ask here and now, and which variant may answer."""

from collections import deque

import discord
from discord.abc import Snowflake

from bot.clock import SYSTEM_CLOCK, Clock
from bot.discord.identity import conversation_id, settings_channel, user_id
from bot.discord.rules import ServerRules, is_age_restricted, rules_of
from bot.errors import AskedTooOften, NotAllowed, TooManyWaiting
from bot.front_end import Services

_HOUR_S = 3600.0
MOST_REMEMBERED = 10_000  # people whose asks are counted
RESTRICTED = "In this server only the base model answers outside age-restricted channels."


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
    ) -> str | None:
        """Admit one ask, count it, and give its `Ask.variant`: None for the active one.

        `variant` is the one that the person asked for by name. Raises NotAllowed,
        TooManyWaiting or AskedTooOften, all of them UserErrors; then the ask is not counted.
        """
        guild = getattr(channel, "guild", None)
        guild_id = None if guild is None else int(guild.id)
        rules = await rules_of(self._store, guild_id, channel)
        manages = _manages(person)
        if not rules.allows_person(_roles(person), manages=manages):
            raise NotAllowed("The managers of this server let only some roles talk to me.")
        permitted = await self._permitted(rules, person, channel, variant)
        self._check_waiting(rules, person)
        if guild_id is not None and not manages:
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


def _roles(person: object) -> list[int]:
    return [role.id for role in person.roles] if isinstance(person, discord.Member) else []


def _manages(person: object) -> bool:
    if not isinstance(person, discord.Member):
        return False
    guild_permissions = person.guild_permissions
    return guild_permissions.manage_guild or guild_permissions.administrator
