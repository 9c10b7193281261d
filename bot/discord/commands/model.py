"""`/model show|set|list`: which variant answers, here and for whom."""

from typing import Literal

import discord
from discord import app_commands
from discord.abc import Snowflake

from bot.chat.variants import Variants
from bot.discord.asking.admission import RESTRICTED, Admission
from bot.discord.commands.base import (
    CommandCog,
    as_many_as_fit,
    defer_openly,
    defer_privately,
    require,
)
from bot.discord.identity import conversation_id, settings_channel, user_id
from bot.errors import NotAllowed, VariantsUnknown
from bot.front_end import Services
from data.records import Scope

DEFAULT = "default"
_MOST_CHOICES = 25
_LONGEST_CHOICE = 100


async def variant_choices(variants: Variants, typed: str) -> list[app_commands.Choice[str]]:
    """The choices to offer while a variant's name is typed; none while the worker is away."""
    try:
        names = [variant.name for variant in await variants.known()]
    except VariantsUnknown:
        return []
    return choices(names, typed)


def choices(names: list[str], typed: str) -> list[app_commands.Choice[str]]:
    """A choice for each name that contains what was typed, as many as Discord takes. Pure."""
    wanted = [name for name in names if typed.lower().strip() in name.lower()]
    fitting = [name for name in wanted if len(name) <= _LONGEST_CHOICE]
    return [app_commands.Choice(name=name, value=name) for name in fitting[:_MOST_CHOICES]]


class ModelCommands(CommandCog):
    """Shows and changes the choice of a person, a channel or a thread."""

    model = app_commands.Group(name="model", description="Which model answers")

    def __init__(self, services: Services, admission: Admission) -> None:
        super().__init__(services)
        self._admission = admission

    @model.command(name="show", description="Which model answers you here, and who chose it")
    async def show(self, interaction: discord.Interaction) -> None:
        """Say what is active and why."""
        await defer_privately(interaction)
        channel = _channel(interaction)
        base, active = await self._variants.base(), await self._active(interaction.user, channel)
        if active != base and not await self._allows_tuned(interaction):
            reason, active = RESTRICTED, base
        else:
            reason = await self._reason(interaction.user, channel, active)
        await interaction.followup.send(f"**{active}** answers you here. {reason}")

    @model.command(name="list", description="Which models there are")
    async def list_models(self, interaction: discord.Interaction) -> None:
        """Name every variant with what it is made of."""
        await defer_privately(interaction)
        active = await self._active(interaction.user, _channel(interaction))
        lines = [
            f"- **{one.name}**: {one.model_id}"
            + (" with an adapter" if one.adapter_hash else "")
            + (" ← answers you here" if one.name == active else "")
            for one in await self._variants.known()
        ]
        await interaction.followup.send(as_many_as_fit(lines))

    @model.command(name="set", description="Choose which model answers you, or this channel")
    @app_commands.describe(
        variant="A model's name, or “default” to take the choice back",
        scope="For you everywhere (me), or for everybody here (channel)",
    )
    async def set_model(
        self,
        interaction: discord.Interaction,
        variant: app_commands.Range[str, 1, _LONGEST_CHOICE],
        scope: Literal["me", "channel"] = "me",
    ) -> None:
        """Store the choice, if this person may make it here."""
        if scope == "channel":
            require(interaction, self.services.settings.discord_model_permission)
        await (defer_privately if scope == "me" else defer_openly)(interaction)
        name = await self._named(variant)
        if scope == "me":
            await self._variants.choose("user", user_id(interaction.user), name)
            text = f"**{variant}** answers you from now on, everywhere."
            if name is None:
                text = "Your choice is taken back: what the channel has set answers you."
        else:
            await self._choose_here(interaction, name)
            text = f"**{variant}** answers here now, save for those who chose for themselves."
            if name is None:
                text = "The choice for this channel is taken back."
        await interaction.followup.send(text)

    @set_model.autocomplete("variant")
    async def complete(
        self, _interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the worker's variants."""
        offered = await variant_choices(self._variants, typed)
        return [*offered[: _MOST_CHOICES - 1], *choices([DEFAULT], typed)]

    @property
    def _variants(self) -> Variants:
        return self.services.chat.variants

    async def _named(self, variant: str) -> str | None:
        """The variant's name, None for the default; raises UnknownVariant or VariantsUnknown."""
        if variant == DEFAULT:
            return None
        await self._variants.check(variant)
        return variant

    async def _active(self, person: Snowflake, channel: Snowflake) -> str:
        return await self._variants.active(
            user_id(person), conversation_id(channel), settings_channel(channel)
        )

    async def _reason(self, person: Snowflake, channel: Snowflake, active: str) -> str:
        scopes: tuple[tuple[Scope, str, str], ...] = (
            ("user", user_id(person), "You chose it."),
            ("conversation", conversation_id(channel), "It was chosen for this conversation."),
            ("channel", settings_channel(channel), "It was chosen for this channel."),
        )
        for scope, scope_id, reason in scopes:
            if await self._variants.chosen(scope, scope_id) == active:
                return reason
        return "Nobody chose another one."

    async def _allows_tuned(self, interaction: discord.Interaction) -> bool:
        return await self._admission.allows_tuned(interaction.user, _channel(interaction))

    async def _choose_here(self, interaction: discord.Interaction, name: str | None) -> None:
        is_tuned = name not in (None, await self._variants.base())
        if is_tuned and not await self._allows_tuned(interaction):
            raise NotAllowed(RESTRICTED)
        place, place_id = _place(_channel(interaction))
        await self._variants.choose(place, place_id, name)


def _place(channel: Snowflake) -> tuple[Scope, str]:
    """The scope and id under which a choice for everybody is stored.

    A channel's choice holds in its threads too; a thread's or a direct message's is its own.
    """
    in_server = getattr(channel, "guild", None) is not None
    if in_server and settings_channel(channel) == str(channel.id):
        return "channel", str(channel.id)
    return "conversation", conversation_id(channel)


def _channel(interaction: discord.Interaction) -> Snowflake:
    if interaction.channel is None:
        raise NotAllowed("I can't tell where you are. Please try it in a channel.")
    return interaction.channel
