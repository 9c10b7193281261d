"""`/persona show|set|clear`: the system prompt of a channel or thread."""

import discord
from discord import app_commands

from bot.discord.commands.base import (
    MANAGE_SERVER,
    CommandCog,
    defer_openly,
    defer_privately,
    require,
)
from bot.discord.identity import settings_channel
from bot.discord.rules import persona_of, persona_place
from bot.text import clean_prompt
from data.records import SettingKey

LONGEST = 1500  # shown in one message


class PersonaCommands(CommandCog):
    """Shows a channel's or thread's persona; those who manage the server may change it."""

    persona = app_commands.Group(name="persona", description="How I behave in this channel")

    @persona.command(name="show", description="Who I am in this channel")
    async def show(self, interaction: discord.Interaction) -> None:
        """Show the persona that counts here, to the asker alone."""
        await defer_privately(interaction)
        text = await persona_of(self.services.store, _here(interaction))
        if text is None:
            usual = self.services.settings.persona
            head, text = "No persona is set here, so it is my usual one.", usual
        else:
            head = "My persona here:"
        shown = f"{head}\n{_quoted(text)}" if text else "No persona is set here."
        await interaction.followup.send(shown)

    @persona.command(name="set", description="Say who I am in this channel (Manage Server)")
    @app_commands.describe(text="What I am told before every conversation here")
    async def set_persona(
        self, interaction: discord.Interaction, text: app_commands.Range[str, 1, LONGEST]
    ) -> None:
        """Store the persona of this channel or thread."""
        require(interaction, MANAGE_SERVER)
        persona = clean_prompt(text, LONGEST)
        await defer_openly(interaction)
        await self._store(interaction, persona)
        await interaction.followup.send(f"My persona here from now on:\n{_quoted(persona)}")

    @persona.command(name="clear", description="Be my usual self in this channel (Manage Server)")
    async def clear(self, interaction: discord.Interaction) -> None:
        """Take the persona of this channel or thread away."""
        require(interaction, MANAGE_SERVER)
        await defer_openly(interaction)
        await self._store(interaction, None)
        here = _here(interaction)
        text = "I am my usual self here again."
        if settings_channel(here) != str(here.id) and await persona_of(self.services.store, here):
            text = "This thread has its channel's persona again."
        await interaction.followup.send(text)

    async def _store(self, interaction: discord.Interaction, persona: str | None) -> None:
        place = persona_place(_here(interaction))
        await self.services.store.set_setting(*place, SettingKey.PERSONA, persona)


def _here(interaction: discord.Interaction) -> discord.abc.Snowflake:
    return interaction.channel or discord.Object(interaction.channel_id or 0)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in discord.utils.escape_markdown(text).splitlines())
