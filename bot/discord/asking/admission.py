"""Whether somebody may ask here and now, and which variant may answer."""

import asyncio
from datetime import timedelta
from weakref import WeakValueDictionary

import discord
from discord.abc import Snowflake

from bot.clock import SYSTEM_CLOCK, Clock
from bot.discord.api.endpoints import NOT_DONE
from bot.discord.asking.membership import Membership
from bot.discord.identity import conversation_id, settings_channel, user_id
from bot.discord.rules import ServerRules, ThreadMode, chosen_mode, is_age_restricted, rules_of
from bot.errors import AskedTooOften, NotAllowed, TooManyWaiting, UserError
from bot.front_end import Services

_HOUR = timedelta(hours=1)
LOOK_UP_S = 15.0
RESTRICTED = "Outside age-restricted channels only the base model answers here."
SWITCHED_OFF = "I am switched off in this thread. Its owner can change that with /thread."
NOT_HERE = "The server's managers let only some roles talk to me."
NO_DIRECT = "I don't answer direct messages. Please ask me in a server."
NO_SERVER = "I answer directly only people of servers that I am in, and we share none."
UNKNOWN = "I can't find out just now whether you may ask me. Please try again in a minute."


class Admission:
    """Checks each ask against the rules of a server, wherever it is made.

    In a server its own rules count. In a direct message, or where somebody uses the bot in a
    server that it is not in, `DISCORD_DIRECT` says whose asks are taken, and a person may do what
    at least one of the servers that they share with the bot lets them do. Limits count all that a
    person asked, in any place, as the store has it.
    """

    def __init__(
        self, client: discord.Client, services: Services, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._chat = services.chat
        self._store = services.store
        self._direct = services.settings.discord_direct
        self._clock = clock
        self._membership = Membership(client, clock)
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def turn(self, person: Snowflake) -> asyncio.Lock:
        """A lock to hold from an ask's admission until it is stored.

        So two asks at once do not both take the last place that a limit leaves.
        """
        return self._turns.setdefault(person.id, asyncio.Lock())

    async def admit(
        self,
        person: discord.abc.User,
        channel: Snowflake,
        variant: str | None = None,
        *,
        counts: bool = True,
    ) -> str | None:
        """Admit one ask and give its `Ask.variant`: None for the active one.

        `variant` is the one that the person asked for by name. With `counts` False the ask takes
        the place of an earlier one. Raises NotAllowed, TooManyWaiting or AskedTooOften, all of
        them UserErrors, and StoreError.
        """
        if isinstance(channel, discord.Thread):
            mode = await chosen_mode(self._store, channel.id)
            if mode is ThreadMode.OFF:
                raise NotAllowed(SWITCHED_OFF)
        try:
            async with asyncio.timeout(LOOK_UP_S):
                guild = self._membership.server_of(channel)
                if guild is None:
                    return await self._admit_directly(person, channel, variant, counts=counts)
                member = await self._membership.member(guild, person)
                return await self._admit_in(guild, member, person, channel, variant, counts=counts)
        except NOT_DONE as failure:
            raise NotAllowed(UNKNOWN) from failure

    async def allows_tuned(self, person: Snowflake, channel: Snowflake) -> bool:
        """Whether another variant than the base may answer this person there.

        Where Discord cannot be asked, it may not. Raises StoreError.
        """
        adults = is_age_restricted(channel)
        try:
            async with asyncio.timeout(LOOK_UP_S):
                guild = self._membership.server_of(channel)
                if guild is not None:
                    rules = await rules_of(self._store, guild.id, channel)
                    return rules.allows_tuned(age_restricted=adults)
                shares = False
                async for member in self._membership.shared(person):
                    shares = True
                    rules = await rules_of(self._store, member.guild.id, channel)
                    if rules.allows_tuned(age_restricted=adults):
                        return True
                return not shares
        except NOT_DONE:
            return False

    async def _admit_directly(
        self, person: discord.abc.User, channel: Snowflake, variant: str | None, *, counts: bool
    ) -> str | None:
        if self._direct == "nobody":
            raise NotAllowed(NO_DIRECT)
        refusal: UserError | None = None
        lesser: list[str | None] = []  # variants that a server allows in the place of another
        shares = False
        async for member in self._membership.shared(person):
            shares = True
            try:
                permitted = await self._admit_in(
                    member.guild, member, person, channel, variant, counts=counts
                )
            except UserError as error:
                refusal = refusal or error
                continue
            if permitted == variant:
                return permitted
            lesser.append(permitted)
        if lesser:
            return lesser[0]
        if refusal is not None:
            raise refusal
        if not shares and self._direct == "members":
            raise NotAllowed(NO_SERVER)
        return variant

    async def _admit_in(
        self,
        guild: discord.Guild,
        member: discord.Member | None,
        person: discord.abc.User,
        channel: Snowflake,
        variant: str | None,
        *,
        counts: bool,
    ) -> str | None:
        """Admit by the rules of one server."""
        rules = await rules_of(self._store, guild.id, channel)
        roles = [role.id for role in member.roles] if member is not None else []
        manages = member is not None and _manages(member)
        if not rules.allows_person(roles, manages=manages):
            raise NotAllowed(NOT_HERE)
        permitted = await self._permitted(rules, person, channel, variant)
        self._check_waiting(rules, person)
        if rules.hourly_limit is not None and not manages and counts:
            await self._check_hour(rules.hourly_limit, person)
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

    async def _check_hour(self, limit: int, person: Snowflake) -> None:
        now = self._clock.now()
        times = await self._store.asked_since(user_id(person), now - _HOUR)
        if len(times) >= limit:
            raise AskedTooOften(limit, (times[-limit] + _HOUR - now).total_seconds())


def _manages(member: discord.Member) -> bool:
    held = member.guild_permissions
    return held.manage_guild or held.administrator
