"""Asking by command: `/ask`, “Ask about this”, and `/reset`."""

from dataclasses import replace
from typing import Any

import discord
from discord import app_commands

from bot.discord import phrases
from bot.discord.asking.desk import Desk, UserQuestion
from bot.discord.asking.own_threads import OwnThreads
from bot.discord.commands.base import CommandCog, answer, defer_if_slow, defer_openly
from bot.discord.commands.model import variant_choices
from bot.discord.identity import interaction_key
from bot.discord.incoming.questions import Heard
from bot.errors import UserError
from bot.front_end import Services

_LONGEST_PROMPT = 6000  # what Discord takes in an option


class AskCommands(CommandCog):
    """Takes commands to the desk; `tree` is where the entry of the messages' menu goes."""

    def __init__(self, services: Services, desk: Desk, tree: app_commands.CommandTree[Any]) -> None:
        super().__init__(services)
        self._desk = desk
        self._threads = OwnThreads(tree.client, desk)
        self._tree = tree
        self._menu = app_commands.ContextMenu(name="Ask about this", callback=self.ask_about)
        self._menu.on_error = self.cog_app_command_error

    async def cog_load(self) -> None:
        """Add the menu's entry, which a cog cannot declare."""
        self._tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Remove the menu's entry."""
        self._tree.remove_command(self._menu.name, type=self._menu.type)

    @app_commands.command(name="ask", description="Ask me something")
    @app_commands.describe(prompt="What you want to know", variant="Which model answers")
    async def ask(
        self,
        interaction: discord.Interaction,
        prompt: app_commands.Range[str, 1, _LONGEST_PROMPT],
        variant: app_commands.Range[str, 1, 100] | None = None,
    ) -> None:
        """Answer a prompt for everybody to see."""
        await defer_openly(interaction)
        is_whole = isinstance(interaction.channel, discord.DMChannel | discord.Thread)
        heard = await self._desk.questions.of_command(interaction, prompt, whole_place=is_whole)
        await self._take(interaction, replace(_question(interaction, heard), variant=variant))

    @ask.autocomplete("variant")
    async def complete(
        self, _interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the worker's variants."""
        return await variant_choices(self.services.chat.variants, typed)

    async def ask_about(self, interaction: discord.Interaction, message: discord.Message) -> None:
        """Answer on the message whose menu was used."""
        if not self._desk.questions.shows_something(message):
            raise UserError(phrases.NO_IMAGES)
        await defer_openly(interaction)
        heard = await self._desk.questions.about(message, interaction.user)
        await self._take(interaction, _question(interaction, heard))

    @app_commands.command(name="reset", description="Let me forget what was said here before")
    async def reset(self, interaction: discord.Interaction) -> None:
        """Forget what was said before in this channel, thread or direct message."""
        if interaction.channel is None:
            raise UserError(phrases.GONE)
        defer_if_slow(interaction, defer_openly)
        await self._desk.history.reset(interaction.channel, interaction)
        await answer(interaction, phrases.RESET_DONE)

    async def _take(self, interaction: discord.Interaction, question: UserQuestion) -> None:
        question, outlet = await self._threads.place_of(interaction, question)
        await self._desk.ask(question, outlet)


def _question(interaction: discord.Interaction, heard: Heard) -> UserQuestion:
    if interaction.channel is None:
        raise UserError(phrases.GONE)
    return UserQuestion(
        key=interaction_key(interaction.id),
        person=interaction.user,
        channel=interaction.channel,
        text=heard.text,
        history=heard.history,
        notices=heard.notices,
        mentioned=heard.mentioned,
    )
