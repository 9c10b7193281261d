"""What all cogs with commands share: how a person hears that a command failed."""

import logging

import discord
from discord import app_commands
from discord.ext import commands

from bot.errors import UserError
from bot.front_end import Services
from data.errors import StoreError

_log = logging.getLogger(__name__)
_OPEN = "deferred openly"
_BROKEN = "Something went wrong on my side. Please try again; my operator finds it in the log."


class CommandCog(commands.Cog):
    """A cog whose commands may raise UserError: its text is shown to the person alone."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def cog_app_command_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError
    ) -> None:
        """The border of each command."""
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        command = interaction.command.qualified_name if interaction.command else "?"
        match cause:
            case UserError() | app_commands.CheckFailure():
                text = str(cause)
            case StoreError():
                _log.error("/%s: %s", command, cause)
                text = _BROKEN
            case discord.HTTPException():
                _log.warning("/%s: Discord said %d (%d)", command, cause.status, cause.code)
                return
            case _:
                _log.error("/%s failed", command, exc_info=cause)
                text = _BROKEN
        await tell(interaction, text)


async def defer_openly(interaction: discord.Interaction) -> None:
    """Show everybody that an answer is coming; a refusal after it is still told in private."""
    await interaction.response.defer(thinking=True)
    interaction.extras[_OPEN] = True


async def tell(interaction: discord.Interaction, text: str) -> None:
    """Say something to the person alone, whether the interaction was answered or not.

    A response deferred for everybody is filled in and goes away: the first message after it would
    take its place, and be as public.
    """
    try:
        if interaction.extras.pop(_OPEN, False):
            await interaction.edit_original_response(content="…")
            await interaction.delete_original_response()
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except discord.HTTPException as refusal:
        _log.warning("an interaction could not be answered: %d", refusal.status)
