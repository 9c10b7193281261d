"""What commands and buttons share: who may use them, and how a person hears that one failed.

Discord's settings can show a command to anybody, so each command checks the permissions again
that Discord states with the interaction.
"""

import logging

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord import phrases
from bot.errors import NotAllowed, UserError
from bot.front_end import Services
from data.errors import StoreError

MANAGE_SERVER = "manage_guild"
_IN_WORDS = {MANAGE_SERVER: "Manage Server"}
_OPEN = "deferred openly"
_LONGEST = 1900  # leaves room for a further line in a message
_log = logging.getLogger(__name__)


class CommandCog(commands.Cog):
    """A cog whose commands may raise UserError: its text is shown to the person alone."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def cog_app_command_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError
    ) -> None:
        """Log why a command failed, and tell the person."""
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        command = interaction.command.qualified_name if interaction.command else "?"
        match cause:
            case UserError() | app_commands.CheckFailure():
                text = str(cause)
            case StoreError():
                _log.error("/%s: %s", command, cause)
                text = phrases.BROKEN
            case discord.HTTPException():
                _log.warning("/%s: Discord said %d (%d)", command, cause.status, cause.code)
                return
            case _:
                _log.error("/%s failed", command, exc_info=cause)
                text = phrases.BROKEN
        await tell(interaction, text)


def require(interaction: discord.Interaction, name: str) -> None:
    """Raise NotAllowed unless the person has the permission here; in a direct message all have."""
    if interaction.guild_id is not None and not holds(interaction.permissions, name):
        words = _IN_WORDS.get(name, name.replace("_", " ").title())
        raise NotAllowed(f"You need the permission “{words}” here for that.")


def holds(permissions: discord.Permissions, name: str) -> bool:
    """Whether `permissions` include the one called `name`; an administrator has all. Pure."""
    return permissions.administrator or bool(getattr(permissions, name))


async def defer_openly(interaction: discord.Interaction) -> None:
    """Show everybody that an answer is coming; a later `tell` is still for the person alone."""
    await interaction.response.defer(thinking=True)
    interaction.extras[_OPEN] = True


async def defer_privately(interaction: discord.Interaction) -> None:
    """Show the person alone that an answer is coming.

    Whatever waits for the store, the worker or Discord comes after this or `defer_openly`: Discord
    gives up on an interaction that is not answered within three seconds.
    """
    await interaction.response.defer(ephemeral=True, thinking=True)


async def tell(interaction: discord.Interaction, text: str) -> None:
    """Say something to the person alone, whether the interaction was answered or not.

    A response deferred for everybody is filled in and deleted: the first message after it would
    take its place, and be as public. What Discord refuses is logged.
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


def as_many_as_fit(lines: list[str]) -> str:
    """The lines that fit into one message with room for one more; “…” stands for the rest. Pure."""
    text = "\n".join(lines)
    if len(text) <= _LONGEST:
        return text
    whole_lines, _, _ = text[:_LONGEST].rpartition("\n")
    return f"{whole_lines}\n…"
