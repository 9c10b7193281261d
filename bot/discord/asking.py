"""The cog that people talk to: messages, `/ask`, `/reset` and “Ask about this”."""

import logging
from dataclasses import replace

import discord
from discord import app_commands
from discord.ext import commands

from bot.conversation import Line
from bot.discord import phrases
from bot.discord.client import FunBot
from bot.discord.command_cog import CommandCog
from bot.discord.desk import Question
from bot.discord.identity import interaction_key, message_key
from bot.discord.listening import incoming, is_listening
from bot.discord.model_commands import variant_choices
from bot.discord.outlet import ONLY_THE_ANSWERED, ChannelOutlet, InteractionOutlet
from bot.discord.rating_offer import offer
from bot.discord.rules import rules_of
from bot.discord.text_files import read_files
from bot.discord.triggers import Incoming, Trigger, decide
from bot.errors import UserError
from data.errors import StoreError
from data.records import Answer

_log = logging.getLogger(__name__)
_LONGEST_PROMPT = 6000  # what Discord takes in an option


async def setup(bot: FunBot) -> None:
    """Begin to listen."""

    async def rate(message: discord.PartialMessage, _answer: Answer) -> None:
        await offer(bot, message)

    bot.desk.on_answer = rate
    await bot.add_cog(Asking(bot))


class Asking(CommandCog):
    """Decides what is meant for the bot and hands it to the desk."""

    def __init__(self, bot: FunBot) -> None:
        super().__init__(bot.services)
        self._bot = bot
        self._menu = app_commands.ContextMenu(name="Ask about this", callback=self.ask_about)
        self._menu.on_error = self.cog_app_command_error

    async def cog_load(self) -> None:
        """Add what a cog cannot declare."""
        self._bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Take it away again."""
        self._bot.tree.remove_command(self._menu.name, type=self._menu.type)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """The border of each message."""
        me = self._bot.user
        if me is None:
            return
        seen = incoming(message, me.id)
        if seen.is_for_people_only:
            return
        try:
            listening = not seen.is_addressed and await is_listening(message, self.services.store)
            await self._react(message, seen, decide(seen, listening=listening))
        except UserError as refusal:
            await self._say(message, str(refusal))
        except StoreError as error:
            _log.error("a message could not be taken: %s", error)
            await self._say(message, phrases.BROKEN)

    @app_commands.command(name="ask", description="Ask me something")
    @app_commands.describe(prompt="What you want to know", variant="Which model answers")
    async def ask(
        self,
        interaction: discord.Interaction,
        prompt: app_commands.Range[str, 1, _LONGEST_PROMPT],
        variant: app_commands.Range[str, 1, 100] | None = None,
    ) -> None:
        """Answer for everybody to see."""
        question = await self._question(interaction, prompt)
        await self._take(interaction, replace(question, variant=variant))

    @ask.autocomplete("variant")
    async def complete(
        self, _interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the worker's variants."""
        return await variant_choices(self.services.chat.variants, typed)

    async def ask_about(self, interaction: discord.Interaction, message: discord.Message) -> None:
        """Answer on a message that somebody points at."""
        history = await self._bot.desk.history.up_to(message)
        if not history and message.content.strip():  # another bot's, or before a reset
            history = (Line(message.author.display_name, message.content),)
        if not history:
            raise UserError(phrases.NO_IMAGES)
        question = await self._question(interaction, phrases.ABOUT_PROMPT)
        await self._take(interaction, replace(question, history=history))

    @app_commands.command(name="reset", description="Let me forget what was said here before")
    async def reset(self, interaction: discord.Interaction) -> None:
        """Draw a line under the past of this channel, thread or direct message."""
        if interaction.channel is None:
            raise UserError(phrases.GONE)
        await self._bot.desk.history.reset(interaction.channel, interaction)
        await interaction.response.send_message(phrases.RESET_DONE)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """What changed is read anew next time."""
        self._bot.desk.cache.forget(event.message_id)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Who takes a question away wants no answer."""
        self._gone(event.channel_id, event.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """The same for many at once."""
        for message_id in event.message_ids:
            self._gone(event.channel_id, message_id)

    def _gone(self, channel_id: int, message_id: int) -> None:
        desk = self._bot.desk
        desk.cache.forget(message_id)
        if (ticket := desk.live(message_key(channel_id, message_id))) is not None:
            ticket.stop()

    async def _react(self, message: discord.Message, seen: Incoming, trigger: Trigger) -> None:
        match trigger:
            case Trigger.IGNORE:
                return
            case Trigger.HINT:
                await self._say(message, phrases.HINT)
            case Trigger.HINT_UNREADABLE:
                await self._say(message, phrases.UNREADABLE)
            case Trigger.DECLINE_IMAGE:
                await self._say(message, phrases.NO_IMAGES)
            case Trigger.ANSWER | Trigger.ANSWER_ABOUT:
                await self._answer(message, seen)

    async def _answer(self, message: discord.Message, seen: Incoming) -> None:
        room = self.services.settings.prompt_max_chars - len(seen.text)
        files, notices = await read_files(message.attachments, room)
        question = Question(
            key=message_key(message.channel.id, message.id),
            person=message.author,
            channel=message.channel,
            text=(seen.text + files).strip() or phrases.ABOUT_PROMPT,
            history=await self._history(message),
            notices=notices,
        )
        outlet = ChannelOutlet(self._bot, message.channel.id, message.id)
        await self._bot.desk.ask(question, outlet)

    async def _history(self, message: discord.Message) -> tuple[Line, ...]:
        """The reply chain, or what was said in a place that is all conversation."""
        history, channel = self._bot.desk.history, message.channel
        if message.reference is not None:
            return await history.before(message)
        if message.guild is None or isinstance(channel, discord.Thread):
            return await history.of_channel(channel, channel, message)
        rules = await rules_of(self.services.store, message.guild.id, channel)
        if rules.always:
            return await history.of_channel(channel, channel, message)
        return ()

    async def _question(self, interaction: discord.Interaction, prompt: str) -> Question:
        """The question of a command, deferred; with the past where all is conversation."""
        await interaction.response.defer(thinking=True)
        channel = interaction.channel
        if channel is None:
            raise UserError(phrases.GONE)
        history: tuple[Line, ...] = ()
        if isinstance(channel, discord.DMChannel | discord.Thread):
            history = await self._bot.desk.history.of_channel(channel, channel, interaction)
        return Question(interaction_key(interaction.id), interaction.user, channel, prompt, history)

    async def _take(self, interaction: discord.Interaction, question: Question) -> None:
        await self._bot.desk.ask(question, InteractionOutlet(interaction))

    async def _say(self, message: discord.Message, text: str) -> None:
        try:
            await message.channel.send(
                text,
                reference=message.to_reference(fail_if_not_exists=False),
                allowed_mentions=ONLY_THE_ANSWERED,
            )
        except discord.HTTPException as refusal:
            _log.info("a remark was not taken: %d (%d)", refusal.status, refusal.code)
