"""Asking by command: `/ask`, “Ask about this”, and `/reset`."""

from dataclasses import replace
from typing import Any

import discord
from discord import app_commands

from bot.chat.conversation import Utterance
from bot.discord import phrases
from bot.discord.answer.interaction_outlet import InteractionOutlet
from bot.discord.asking.desk import Desk, UserQuestion
from bot.discord.commands.base import CommandCog, defer_openly
from bot.discord.commands.model import variant_choices
from bot.discord.identity import interaction_key
from bot.errors import UserError
from bot.front_end import Services

_LONGEST_PROMPT = 6000  # what Discord takes in an option


class AskCommands(CommandCog):
    """Takes commands to the desk; `tree` is where the entry of the messages' menu goes."""

    def __init__(self, services: Services, desk: Desk, tree: app_commands.CommandTree[Any]) -> None:
        super().__init__(services)
        self._desk = desk
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
        question = await self._question(interaction, prompt)
        await self._take(interaction, replace(question, variant=variant))

    @ask.autocomplete("variant")
    async def complete(
        self, _interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the worker's variants."""
        return await variant_choices(self.services.chat.variants, typed)

    async def ask_about(self, interaction: discord.Interaction, message: discord.Message) -> None:
        """Answer on the message whose menu was used."""
        if not message.content.strip():
            raise UserError(phrases.NO_IMAGES)
        question = await self._question(interaction, phrases.ABOUT_PROMPT)
        history = await self._desk.history.up_to(message)
        if not history:  # another bot's, or from before a reset
            history = (Utterance(message.author.display_name, message.content),)
        await self._take(interaction, replace(question, history=history))

    @app_commands.command(name="reset", description="Let me forget what was said here before")
    async def reset(self, interaction: discord.Interaction) -> None:
        """Forget what was said before in this channel, thread or direct message."""
        if interaction.channel is None:
            raise UserError(phrases.GONE)
        await self._desk.history.reset(interaction.channel, interaction)
        await interaction.response.send_message(phrases.RESET_DONE)

    async def _question(self, interaction: discord.Interaction, prompt: str) -> UserQuestion:
        """Defer a command and make its question, in threads and direct messages with a history."""
        await defer_openly(interaction)
        channel = interaction.channel
        if channel is None:
            raise UserError(phrases.GONE)
        history: tuple[Utterance, ...] = ()
        if isinstance(channel, discord.DMChannel | discord.Thread):
            history = await self._desk.history.of_channel(channel, channel, interaction)
        return UserQuestion(
            interaction_key(interaction.id), interaction.user, channel, prompt, history
        )

    async def _take(self, interaction: discord.Interaction, question: UserQuestion) -> None:
        await self._desk.ask(question, InteractionOutlet(interaction))
