"""Takes a message that is being followed: decides whether it is for the bot, and asks it."""

import logging
from dataclasses import replace

import discord

from bot.chat.ticket import Ticket
from bot.discord import phrases
from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.answer.thread_outlet import ThreadOutlet, title_of
from bot.discord.asking.composing import Composer
from bot.discord.asking.desk import Desk
from bot.discord.following.open_questions import OpenQuestion
from bot.discord.following.remarks import Remarks
from bot.discord.identity import own_id
from bot.discord.incoming.listening import incoming, mode_of
from bot.discord.incoming.triggers import Trigger, decide
from bot.discord.rules import ThreadMode
from bot.errors import NotAllowed, UserError
from bot.front_end import Services
from data.errors import StoreError

_REMARKS = {
    Trigger.HINT: phrases.HINT,
    Trigger.HINT_UNREADABLE: phrases.UNREADABLE,
    Trigger.DECLINE_IMAGE: phrases.NO_IMAGES,
}
_ANSWERED = (Trigger.ANSWER, Trigger.ANSWER_ABOUT)
_log = logging.getLogger(__name__)


class Taking:
    """Judges and asks; whoever did not call the bot is told nothing of what goes wrong."""

    def __init__(
        self, client: discord.Client, services: Services, desk: Desk, composer: Composer
    ) -> None:
        self._client = client
        self._store = services.store
        self._desk = desk
        self._composer = composer
        self._doubts = desk.doubts
        self.remarks = Remarks()

    async def judge(self, question: OpenQuestion, *, only_calls: bool = False) -> Trigger:
        """What to do about a message as it reads now; IGNORE as long as nobody can know.

        With `only_calls` a message counts only if it calls the bot by itself.
        """
        while True:
            edition = question.edition
            try:
                trigger = await self._judge(question, only_calls=only_calls)
            except Exception as failure:  # noqa: BLE001 - without knowing, there is silence
                self._doubts.note(failure)
                return Trigger.IGNORE
            if question.edition == edition:
                return trigger

    async def _judge(self, question: OpenQuestion, *, only_calls: bool) -> Trigger:
        seen = incoming(question.message, self._me)
        trigger = decide(seen, listening=not only_calls)
        if trigger is Trigger.IGNORE:
            return trigger  # whatever is set: nothing has to be read
        message = question.message
        if seen.is_addressed and not isinstance(message.channel, discord.Thread):
            return trigger
        mode = await mode_of(message, self._store)
        if mode is ThreadMode.OFF:
            return Trigger.IGNORE
        return decide(seen, listening=mode is ThreadMode.ALWAYS and not only_calls)

    async def react(self, question: OpenQuestion, trigger: Trigger) -> None:
        """Do that: answer, or say why not. Nothing is done for a message that is gone."""
        if question.is_gone:
            return
        if trigger in _ANSWERED:
            await self.answer(question)
        elif trigger in _REMARKS:
            await self._say(question, _REMARKS[trigger])

    async def answer(self, question: OpenQuestion, *, is_counted: bool = True) -> None:
        """Ask the question and show its answer; a refusal or failure is told in a reply."""
        is_call = self._is_call(question)
        try:
            await self._ask(question, is_call=is_call, is_counted=is_counted)
        except UserError as refusal:
            if is_call or not isinstance(refusal, NotAllowed):
                await self._say(question, str(refusal))
        except StoreError as error:
            if is_call:
                _log.error("a message could not be taken: %s", error)
                await self._say(question, phrases.BROKEN)
            else:
                self._doubts.note(error)

    async def reword(self, ticket: Ticket, question: OpenQuestion) -> bool:
        """Ask the question as it reads now instead; false if it was too late or cannot be asked."""
        if not incoming(question.message, self._me).says_something:
            return False
        try:
            return await self._desk.reword(ticket, lambda: self._composer.compose(question))
        except (UserError, StoreError) as error:
            _log.info("a changed question stays as it was: %s", type(error).__name__)
            return False

    async def _ask(self, question: OpenQuestion, *, is_call: bool, is_counted: bool) -> None:
        channel_id, message_id = question.message.channel.id, question.message.id
        typing = ChannelOutlet(self._client, channel_id, message_id)
        typing.begin_typing()  # before anything is read or stored: a person sees this first
        shown = None
        try:
            edition, asked = await self._composer.settled(question)
            if question.is_gone:
                return
            await self.remarks.take_away(message_id)
            asked = replace(asked, is_call=is_call, is_counted=is_counted)
            ticket = await self._desk.accept(asked)
            if ticket is None:
                return
            while question.edition != edition and not question.is_gone:
                edition = question.edition
                await self.reword(ticket, question)
            outlet = typing
            if asked.thread is not None:
                title = title_of(self._composer.text(question.message))
                asker = question.author.id
                outlet = ThreadOutlet(self._client, typing, message_id, title, asker)
            shown = self._desk.show(ticket, outlet, notices=asked.notices)
            if question.is_gone:
                shown.withdraw(forget=True)
        finally:
            if shown is None:
                await typing.end_typing()

    def _is_call(self, question: OpenQuestion) -> bool:
        return incoming(question.original or question.message, self._me).is_addressed

    async def _say(self, question: OpenQuestion, text: str) -> None:
        if not question.is_gone:
            await self.remarks.say(question.message, text)
        if question.is_gone:  # meanwhile, perhaps
            await self.remarks.take_away(question.message.id)

    @property
    def _me(self) -> int:
        return own_id(self._client)
