"""`/persona`: the system prompt of a channel or thread, and those saved under a name."""

import asyncio

import discord
from discord import app_commands

from bot.chat.personas import LONGEST, LONGEST_NAME, PersonaOwner, PersonaShelf
from bot.discord.commands.base import (
    MANAGE_SERVER,
    CommandCog,
    answer,
    as_many_as_fit,
    defer_if_slow,
    defer_openly,
    defer_privately,
    here,
    require,
)
from bot.discord.commands.model import choices
from bot.discord.identity import settings_channel, user_id
from bot.discord.rules import persona_of, persona_place
from bot.errors import UserError
from bot.front_end import Services
from bot.text import clean_prompt
from data.errors import StoreError
from data.records import SettingKey

_TYPING_S = 1.5  # for the names that are offered while somebody types
_GLIMPSE = 80  # characters of each text in a list
Name = app_commands.Range[str, 1, LONGEST_NAME]


class PersonaCommands(CommandCog):
    """Shows a channel's or thread's persona; those who manage the server may change it.

    Saved personas are the server's, in direct messages the person's own.
    """

    persona = app_commands.Group(name="persona", description="How I behave in this channel")

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._shelf = PersonaShelf(services.store)

    @persona.command(name="show", description="Who I am in this channel")
    async def show(self, interaction: discord.Interaction) -> None:
        """Show the persona that counts here, to the asker alone."""
        defer_if_slow(interaction, defer_privately)
        text = await persona_of(self.services.store, here(interaction))
        if text is None:
            usual = self.services.settings.persona
            head, text = "No persona is set here, so it is my usual one.", usual
        else:
            saved = await self._shelf.all(_owner(interaction))
            name = next((f" ({one.name})" for one in saved if one.text == text), "")
            head = f"My persona here{name}:"
        shown = f"{head}\n{_quoted(text)}" if text else "No persona is set here."
        await answer(interaction, shown, ephemeral=True)

    @persona.command(name="set", description="Say who I am in this channel (Manage Server)")
    @app_commands.describe(text="What I am told before every conversation here")
    async def set_persona(
        self, interaction: discord.Interaction, text: app_commands.Range[str, 1, LONGEST]
    ) -> None:
        """Store the persona of this channel or thread."""
        require(interaction, MANAGE_SERVER)
        persona = clean_prompt(text, LONGEST)
        defer_if_slow(interaction, defer_openly)
        await self._store(interaction, persona)
        await answer(interaction, f"My persona here from now on:\n{_quoted(persona)}")

    @persona.command(name="clear", description="Be my usual self in this channel (Manage Server)")
    async def clear(self, interaction: discord.Interaction) -> None:
        """Take the persona of this channel or thread away."""
        require(interaction, MANAGE_SERVER)
        defer_if_slow(interaction, defer_openly)
        await self._store(interaction, None)
        store, place = self.services.store, here(interaction)
        text = "I am my usual self here again."
        if settings_channel(place) != str(place.id) and await persona_of(store, place):
            text = "This thread has its channel's persona again."
        await answer(interaction, text)

    @persona.command(name="save", description="Keep a persona under a name (Manage Server)")
    @app_commands.describe(
        name="What it is called",
        text="Who I am then; the persona of this channel if left out",
        replace="Whether it may take the place of one with the same name",
    )
    async def save(
        self,
        interaction: discord.Interaction,
        name: Name,
        text: app_commands.Range[str, 1, LONGEST] | None = None,
        replace: bool = False,
    ) -> None:
        """Save a persona for the server, or for oneself in direct messages."""
        require(interaction, MANAGE_SERVER)
        defer_if_slow(interaction, defer_privately)
        if text is None:
            text = await persona_of(self.services.store, here(interaction))
        if text is None:
            raise UserError("No persona is set here: say with `text` who I am then, please.")
        by = user_id(interaction.user)
        saved = await self._shelf.save(_owner(interaction), name, text, by, replace=replace)
        await answer(interaction, f"Saved as **{_escaped(saved.name)}**.", ephemeral=True)

    @persona.command(name="use", description="Be a saved persona in this channel (Manage Server)")
    @app_commands.describe(name="A saved persona")
    async def use(self, interaction: discord.Interaction, name: Name) -> None:
        """Make a saved persona this channel's or thread's. Saving it anew later changes nothing."""
        require(interaction, MANAGE_SERVER)
        defer_if_slow(interaction, defer_openly)
        saved = await self._shelf.named(_owner(interaction), name)
        await self._store(interaction, saved.text)
        head = f"I am **{_escaped(saved.name)}** here from now on:"
        await answer(interaction, f"{head}\n{_quoted(saved.text)}")

    @persona.command(name="list", description="Which personas are saved")
    async def list_personas(self, interaction: discord.Interaction) -> None:
        """List the names with the beginning of each text, to the asker alone."""
        defer_if_slow(interaction, defer_privately)
        saved = await self._shelf.all(_owner(interaction))
        lines = [f"- **{_escaped(one.name)}**: {_glimpse(one.text)}" for one in saved]
        await answer(
            interaction, as_many_as_fit(lines) or "No persona is saved yet.", ephemeral=True
        )

    @persona.command(name="delete", description="Forget a saved persona (Manage Server)")
    @app_commands.describe(name="A saved persona")
    async def delete(self, interaction: discord.Interaction, name: Name) -> None:
        """Delete a saved persona; channels that use it go on using it."""
        require(interaction, MANAGE_SERVER)
        defer_if_slow(interaction, defer_privately)
        await self._shelf.delete(_owner(interaction), name)
        await answer(
            interaction, "It is deleted. Channels that use it stay as they are.", ephemeral=True
        )

    @use.autocomplete("name")
    @delete.autocomplete("name")
    async def complete(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the saved personas; none while the store takes too long."""
        try:
            async with asyncio.timeout(_TYPING_S):
                saved = await self._shelf.all(_owner(interaction))
        except (TimeoutError, StoreError):
            return []
        return choices([one.name for one in saved], typed)

    async def _store(self, interaction: discord.Interaction, persona: str | None) -> None:
        place = persona_place(here(interaction))
        await self.services.store.set_setting(*place, SettingKey.PERSONA, persona)


def _owner(interaction: discord.Interaction) -> PersonaOwner:
    if interaction.guild_id is None:
        return PersonaOwner("user", user_id(interaction.user))
    return PersonaOwner("guild", str(interaction.guild_id))


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in _escaped(text).splitlines())


def _escaped(text: str) -> str:
    return discord.utils.escape_markdown(text)


def _glimpse(text: str) -> str:
    line = " ".join(text.split())
    return _escaped(line if len(line) <= _GLIMPSE else f"{line[:_GLIMPSE]}…")
