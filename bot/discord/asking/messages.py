"""Listens to messages: follows each that may be for the bot, from its first event to its last."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import discord
from discord.abc import Snowflake
from discord.ext import commands

from bot.discord.asking.composing import Composer
from bot.discord.asking.deletions import Deletions
from bot.discord.asking.desk import Desk, Showing
from bot.discord.asking.edits import Edits
from bot.discord.asking.places import Places
from bot.discord.asking.taking import Reacted, Taking
from bot.discord.following.open_questions import OpenQuestion, Wordings
from bot.discord.following.reposts import Repost, Reposts
from bot.discord.identity import message_key
from bot.discord.incoming.triggers import Trigger
from bot.front_end import Services
from data.errors import StoreError

CALLED_LATER = timedelta(minutes=10)  # how old a message may be to which a call is added


class MessageListener(commands.Cog):
    """Takes messages to the desk, and follows their edits and deletions."""

    def __init__(self, client: discord.Client, services: Services, desk: Desk) -> None:
        self._client = client
        self._store = services.store
        self._desk = desk
        composer = Composer(client, desk)
        self._taking = Taking(client, services, desk, composer)
        self._edits = Edits(client, services.store, composer)
        self._deletions = Deletions(client, services.store, desk)
        self._places = Places(client)
        self._open = desk.open_questions
        self._wordings = Wordings()
        self._reposts = Reposts()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer a message if it is meant for the bot; a refusal or failure is told in a reply."""
        if message.webhook_id is not None:
            if (pair := self._reposts.posted(message)) is not None:
                await self._answer_copy(pair)
            return
        self._desk.cache.names.learn(message)
        if message.author.bot or (question := self._open.begin(message)) is None:
            return
        self._wordings.note(message)
        self._reposts.said(message)
        await self._take(question)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """Read the message anew next time, and answer what its author has made of it."""
        message = self._places.known(event.message)
        self._desk.cache.forget(message.id)
        is_known = self._wordings.knows(message.id)
        if message.author == self._client.user or not self._wordings.is_edit(message):
            return
        if self._open.edited(message):
            return
        question = OpenQuestion(message)
        shown = self._shown(question.key)
        is_unread = shown is not None and not shown.delivery.has_shown_text
        if shown is None or not is_unread or not await self._taking.reword(shown.ticket, question):
            await self._edited_too_late(question, shown, is_known=is_known)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Take back the answer to a message that was deleted."""
        await self._gone(event.guild_id, event.channel_id, event.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Take back the answers to messages that were deleted together."""
        ids = sorted(event.message_ids)
        for message_id in ids:  # at once, before anything is waited for
            self._open.gone(message_key(event.channel_id, message_id))
        await asyncio.gather(*(self._gone(event.guild_id, event.channel_id, one) for one in ids))

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Give up what is asked in a channel that is gone, and in its threads."""
        self._place_gone(lambda one: channel.id in (one.id, getattr(one, "parent_id", None)))

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        """Give up what is asked in a thread that is gone."""
        self._place_gone(lambda one: one.id == event.thread_id)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Give up what is asked in a server that the bot is in no longer."""
        here = {one.id for one in (*guild.channels, *guild.threads)}
        self._place_gone(lambda one: one.id in here)

    async def _take(self, question: OpenQuestion, *, only_calls: bool = False) -> None:
        try:
            await self._places.in_full(question.message)
            self._places.known(question.message)  # which may be a newer one by now
            pair, done = None, None
            while done is None or not (done.is_asked or self._is_as_it_was(question, done)):
                trigger = await self._taking.judge(question, only_calls=only_calls)
                if trigger in (Trigger.ANSWER, Trigger.ANSWER_ABOUT):
                    pair = self._reposts.meant(question.message)
                if pair is not None:
                    break
                done = await self._taking.react(question, trigger)
        finally:
            self._open.end(question)
        if pair is not None:
            await self._answer_copy(pair)
        elif done is not None:
            await self._offer_if_changed(question, done)

    async def _answer_copy(self, pair: Repost) -> None:
        """Answer what a proxy bot has posted, in place of what the person had written."""
        question = self._open.begin(pair.copy, pair.original)
        if question is None:
            return
        self._wordings.note(pair.copy)
        guild_id = pair.copy.guild.id if pair.copy.guild else None
        key = message_key(pair.original.channel.id, pair.original.id)
        try:
            self._open.gone(key)
            await self._open.ended(key)
            was_asked = await self._deletions.question_deleted(key, guild_id, is_moved=True)
            done = None
            while done is None or not (done.is_asked or self._is_as_it_was(question, done)):
                done = await self._taking.answer(question, is_counted=not was_asked)
        finally:
            self._open.end(question)
        await self._offer_if_changed(question, done)

    def _is_as_it_was(self, question: OpenQuestion, done: Reacted) -> bool:
        """Whether a message was not edited since it was reacted to, or is gone."""
        return question.edition == done.edition or question.is_gone

    async def _offer_if_changed(self, question: OpenQuestion, done: Reacted) -> None:
        """Follow an edit that came too late to be asked, and while the message was open."""
        if not self._is_as_it_was(question, done):
            newest = OpenQuestion(question.message)
            await self._edited_too_late(newest, self._shown(newest.key), is_known=True)

    async def _edited_too_late(
        self, question: OpenQuestion, shown: Showing | None, *, is_known: bool
    ) -> None:
        """Offer a new answer where the old one is or will be; else the edit may be a first call."""
        if shown is not None and shown.task is not None:
            await asyncio.wait({shown.task})
        message = question.message
        try:
            requests = await self._store.requests_about(question.key)
            asked = [one for one in requests if one.prompt]
            if asked and (is_known or self._edits.differs(message, asked[-1])):
                await self._edits.offer(asked)
        except StoreError as error:
            self._desk.doubts.note(error, "an edited message is left as it was answered")
            return
        if not requests and _is_recent(message) and not message.author.bot:
            followed = self._open.begin(message)
            if followed is not None:
                await self._take(followed, only_calls=True)

    async def _gone(self, guild_id: int | None, channel_id: int, message_id: int) -> None:
        key = message_key(channel_id, message_id)
        self._open.gone(key)
        self._desk.cache.forget(message_id)
        self._deletions.answer_deleted(channel_id, message_id)
        pair = self._reposts.deleted(message_id)
        if pair is not None:
            await self._answer_copy(pair)
        else:
            await self._deletions.question_deleted(key, guild_id)
        await self._taking.remarks.take_away(message_id)

    def _place_gone(self, is_gone: Callable[[Snowflake], bool]) -> None:
        self._open.gone_with(is_gone)
        self._deletions.places_gone(is_gone)

    def _shown(self, key: str) -> Showing | None:
        """The newest answer to a question that is being shown."""
        return max(self._desk.about(key), key=lambda one: one.ticket.request.id, default=None)


def _is_recent(message: discord.Message) -> bool:
    """Whether the message was not old when it was edited; both times are Discord's."""
    edited = message.edited_at
    return edited is not None and edited - message.created_at <= CALLED_LATER
