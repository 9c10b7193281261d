"""Listens to messages: takes those meant for the bot to the desk, and follows their changes."""

import logging

import discord
from discord.ext import commands

from bot.chat.conversation import Utterance
from bot.chat.ticket import Ticket
from bot.discord import phrases
from bot.discord.answer.outlet import ChannelOutlet, Outlet
from bot.discord.answer.thread_outlet import ThreadOutlet, title_of
from bot.discord.asking.desk import Desk, UserQuestion
from bot.discord.identity import message_key
from bot.discord.incoming.listening import incoming, is_listening
from bot.discord.incoming.text_files import read_files
from bot.discord.incoming.triggers import Incoming, Trigger, decide
from bot.discord.rules import THREAD_PERMISSION, may_open_threads, rules_of
from bot.errors import UserError
from bot.front_end import Services
from data.errors import StoreError

_log = logging.getLogger(__name__)


class MessageListener(commands.Cog):
    """Takes messages to the desk, and their edits and deletions."""

    def __init__(self, client: discord.Client, services: Services, desk: Desk) -> None:
        self._client = client
        self._store = services.store
        self._prompt_max_chars = services.settings.prompt_max_chars
        self._desk = desk

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer a message if it is meant for the bot; a refusal or failure is told in a reply."""
        me = self._client.user
        if me is None:
            return
        seen = incoming(message, me.id)
        if seen.is_for_people_only:
            return
        try:
            listening = not seen.is_addressed and await is_listening(message, self._store)
            await self._react(message, seen, decide(seen, listening=listening))
        except UserError as refusal:
            await self._say(message, str(refusal))
        except StoreError as error:
            _log.error("a message could not be taken: %s", error)
            await self._say(message, phrases.BROKEN)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """Read the message anew next time; a question that still waits is asked as it reads now."""
        desk, me = self._desk, self._client.user
        desk.cache.forget(event.message_id)
        ticket = desk.live(message_key(event.channel_id, event.message_id))
        if ticket is None or ticket.started or me is None:
            return
        seen = incoming(event.message, me.id)
        try:
            if seen.says_something:
                await desk.reword(await self._asked(event.message, seen))
        except (UserError, StoreError) as error:
            _log.info("a changed question stays as it was: %s", type(error).__name__)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Stop the answer to a message that was deleted."""
        self._gone(event.channel_id, event.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Stop the answers to messages that were deleted together."""
        for message_id in event.message_ids:
            self._gone(event.channel_id, message_id)

    def _gone(self, channel_id: int, message_id: int) -> None:
        self._desk.cache.forget(message_id)
        if (ticket := self._desk.live(message_key(channel_id, message_id))) is not None:
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
        typing = ChannelOutlet(self._client, message.channel.id, message.id)
        typing.begin_typing()  # before anything is read or stored: a person sees this first
        ticket: Ticket | None = None
        outlet: Outlet = typing
        try:
            in_thread = await self._wants_thread(message)
            question = await self._asked(message, seen, in_thread=in_thread)
            if in_thread:
                title, asker = title_of(seen.text), message.author.id
                outlet = ThreadOutlet(self._client, typing, message.id, title, asker)
            ticket = await self._desk.ask(question, outlet)
        finally:
            if ticket is None:
                await typing.end_typing()

    async def _wants_thread(self, message: discord.Message) -> bool:
        """Whether the answer gets a thread of its own; without the permission it gets none."""
        channel = message.channel
        if message.guild is None or not isinstance(channel, discord.TextChannel):
            return False
        if not (await rules_of(self._store, message.guild.id, channel)).threads:
            return False
        if may_open_threads(channel):
            return True
        line = f"give me {THREAD_PERMISSION} there for threads; until then I answer in place"
        self._desk.refusals.note(channel.id, THREAD_PERMISSION, line)
        return False

    async def _asked(
        self, message: discord.Message, seen: Incoming, *, in_thread: bool = False
    ) -> UserQuestion:
        room = self._prompt_max_chars - len(seen.text)
        files, notices = await read_files(message.attachments, room)
        return UserQuestion(
            key=message_key(message.channel.id, message.id),
            person=message.author,
            channel=message.channel,
            text=(seen.text + files).strip() or phrases.ABOUT_PROMPT,
            history=await self._history(message, in_thread=in_thread),
            notices=notices,
            thread=message.id if in_thread else None,
        )

    async def _history(self, message: discord.Message, *, in_thread: bool) -> tuple[Utterance, ...]:
        """The reply chain, or all messages of a place where every message is for the bot."""
        history, channel = self._desk.history, message.channel
        if message.reference is not None:
            return await history.before(message)
        if in_thread:
            return ()  # each thread is a conversation of its own
        if message.guild is None or isinstance(channel, discord.Thread):
            return await history.of_channel(channel, channel, message)
        rules = await rules_of(self._store, message.guild.id, channel)
        if rules.always:
            return await history.of_channel(channel, channel, message)
        return ()

    async def _say(self, message: discord.Message, text: str) -> None:
        outlet = ChannelOutlet(self._client, message.channel.id, message.id)
        try:
            await outlet.send(text, None, f"say-{message.id}")
        except discord.HTTPException as refusal:
            _log.info("a remark was not taken: %d (%d)", refusal.status, refusal.code)
