"""Asks what a followed message says: as it reads at last, whatever happens meanwhile."""

import logging
from collections.abc import Callable

import discord

from bot.chat.ticket import Ticket
from bot.discord.answer.outlet import ChannelOutlet, Outlet
from bot.discord.answer.thread_outlet import ThreadOutlet, title_of
from bot.discord.asking.composing import Composer
from bot.discord.asking.desk import Desk, UserQuestion
from bot.discord.following.open_questions import OpenQuestion
from bot.discord.identity import own_id
from bot.discord.incoming.listening import incoming
from bot.errors import UserError
from data.errors import StoreError

_log = logging.getLogger(__name__)


class Asker:
    """The one way from a followed message to an answer, for new messages and for edited ones."""

    def __init__(self, client: discord.Client, desk: Desk, composer: Composer) -> None:
        self._client = client
        self._desk = desk
        self._composer = composer

    async def ask(
        self, question: OpenQuestion, made: Callable[[UserQuestion], UserQuestion]
    ) -> int | None:
        """Ask, and begin to show the answer; gives the edition of the message that is answered.

        None: nothing is asked, as the message is gone, or this was asked before. `made` completes
        what was composed of the message. Raises UserError, with a line for the person, or
        StoreError.
        """
        channel_id, message_id = question.message.channel.id, question.message.id
        typing = ChannelOutlet(self._client, channel_id, message_id)
        typing.begin_typing()  # before anything is read or stored: a person sees this first
        shown = None
        try:
            edition, composed = await self._composer.settled(question)
            if question.is_gone:
                return None
            asked = made(composed)
            ticket = await self._desk.accept(asked)
            if ticket is None:
                return None
            edition = await self._caught_up(ticket, question, edition)
            outlet = self._outlet(typing, question, asked)
            shown = self._desk.show(ticket, outlet, notices=asked.notices)
            if question.is_gone:
                shown.withdraw(forget=True)
            return edition
        finally:
            if shown is None:
                await typing.end_typing()

    async def reword(self, ticket: Ticket, question: OpenQuestion) -> bool:
        """Ask the question as it reads now instead; false if it was too late or cannot be asked."""
        if not incoming(question.message, own_id(self._client)).says_something:
            return False
        try:
            return await self._desk.reword(ticket, lambda: self._composer.compose(question))
        except (UserError, StoreError) as error:
            _log.info("a changed question stays as it was: %s", type(error).__name__)
            return False

    async def _caught_up(self, ticket: Ticket, question: OpenQuestion, edition: int) -> int:
        """Reword what was accepted until it is as the message reads; the edition that it is now."""
        while question.edition != edition and not question.is_gone:
            newest = question.edition
            if not await self.reword(ticket, question):
                break
            edition = newest
        return edition

    def _outlet(self, typing: ChannelOutlet, question: OpenQuestion, asked: UserQuestion) -> Outlet:
        if asked.thread is None:
            return typing
        title = title_of(self._composer.text(question.message))
        return ThreadOutlet(self._client, typing, asked.thread, title, question.author.id)
