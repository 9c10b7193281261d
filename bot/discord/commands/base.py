"""What commands and buttons share: who may use them, and how a person hears that one failed.

Discord's settings can show a command to anybody, so each command checks the permissions again
that Discord states with the interaction.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord import phrases
from bot.errors import NotAllowed, UserError
from bot.front_end import Services
from data.errors import StoreError

MANAGE_SERVER = "manage_guild"
_IN_WORDS = {MANAGE_SERVER: "Manage Server"}
_OPEN, _SLOW = "deferred openly", "deferred if slow"
DEFER_AFTER_S = 0.7  # well within the three seconds that Discord waits
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
                await settle(interaction)
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


def here(interaction: discord.Interaction) -> discord.abc.Snowflake:
    """The channel or thread of an interaction, or as much of it as has its id."""
    return interaction.channel or discord.Object(interaction.channel_id or 0)


def clicked(interaction: discord.Interaction) -> str:
    """The custom id of the button that was clicked; empty for every other interaction."""
    if interaction.type is not discord.InteractionType.component or not interaction.data:
        return ""
    return str(interaction.data.get("custom_id"))


async def defer_openly(interaction: discord.Interaction) -> None:
    """Show everybody that an answer is coming; a later `tell` is still for the person alone."""
    await interaction.response.defer(thinking=True)
    interaction.extras[_OPEN] = True


async def defer_privately(interaction: discord.Interaction) -> None:
    """Show the person alone that an answer is coming.

    Whatever waits for the store, the worker or Discord comes after this, `defer_openly` or
    `defer_if_slow`: Discord gives up on what is not answered within three seconds.
    """
    await interaction.response.defer(ephemeral=True, thinking=True)


async def defer_update(interaction: discord.Interaction) -> None:
    """Take a click as heard; its message changes later."""
    await interaction.response.defer()


def defer_if_slow(
    interaction: discord.Interaction, defer: Callable[[discord.Interaction], Awaitable[None]]
) -> None:
    """Defer in this way after DEFER_AFTER_S seconds, unless `answer` or `tell` comes before.

    What takes no time, such as a setting, is so answered at once, without a sign in between.
    """
    interaction.extras[_SLOW] = _Deferral(interaction, defer)


async def answer(interaction: discord.Interaction, text: str, **more: Any) -> None:  # noqa: ANN401 - discord.py's
    """Say something to an interaction that was deferred, or is not answered yet.

    `more` is what discord.py's methods for that take, such as `ephemeral` and `view`.
    """
    await settle(interaction)
    if interaction.response.is_done():
        await interaction.followup.send(text, **more)
    else:
        await interaction.response.send_message(text, **more)


async def change(interaction: discord.Interaction, text: str, view: discord.ui.View | None) -> None:
    """Change the message whose button was clicked, whether the click was deferred or not."""
    await settle(interaction)
    if interaction.response.is_done():
        await interaction.edit_original_response(content=text, view=view)
    else:
        await interaction.response.edit_message(content=text, view=view)


async def settle(interaction: discord.Interaction) -> None:
    """End what `defer_if_slow` began: from now on the interaction is deferred, or will not be."""
    deferral = interaction.extras.pop(_SLOW, None)
    if deferral is not None:
        await deferral.end()


class _Deferral:
    """Defers an interaction in some time; once that has begun it is not interrupted."""

    def __init__(
        self,
        interaction: discord.Interaction,
        defer: Callable[[discord.Interaction], Awaitable[None]],
    ) -> None:
        self._has_begun = False
        self._task = asyncio.create_task(self._run(interaction, defer), name="defer if slow")

    async def end(self) -> None:
        if not self._has_begun:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(
        self,
        interaction: discord.Interaction,
        defer: Callable[[discord.Interaction], Awaitable[None]],
    ) -> None:
        await asyncio.sleep(DEFER_AFTER_S)
        self._has_begun = True
        await defer(interaction)


async def tell(interaction: discord.Interaction, text: str) -> None:
    """Say something to the person alone, whether the interaction was answered or not.

    A response deferred for everybody is filled in and deleted: the first message after it would
    take its place, and be as public. What Discord refuses is logged.
    """
    await settle(interaction)
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
