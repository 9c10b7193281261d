"""Takes a message that is being followed: decides whether it is for the bot, and asks it."""

import logging
from dataclasses import dataclass, replace

import discord

from bot.discord import phrases
from bot.discord.asking.asker import Asker
from bot.discord.asking.composing import Composer
from bot.discord.asking.desk import Desk, UserQuestion
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


@dataclass(frozen=True, slots=True)
class Reacted:
    """The edition of a message that was reacted to; `is_asked`: it was asked, now or before."""

    edition: int
    is_asked: bool = False


class Taking:
    """Judges and asks; whoever did not call the bot is told nothing of what goes wrong."""

    def __init__(
        self, client: discord.Client, services: Services, desk: Desk, composer: Composer
    ) -> None:
        self._client = client
        self._store = services.store
        self._doubts = desk.doubts
        self._asker = Asker(client, desk, composer)
        self.reword = self._asker.reword
        self.remarks = Remarks(client, desk.refusals)

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

    async def react(self, question: OpenQuestion, trigger: Trigger) -> Reacted:
        """Do that: answer, or say why not. Nothing is done for a message that is gone."""
        edition = question.edition
        if question.is_gone:
            return Reacted(edition)
        if trigger in _ANSWERED:
            return await self.answer(question)
        if trigger in _REMARKS:
            await self._say(question, _REMARKS[trigger])
        return Reacted(edition)

    async def answer(self, question: OpenQuestion, *, is_counted: bool = True) -> Reacted:
        """Ask the question and show its answer; a refusal or failure is told in a reply."""
        is_call, edition = self._is_call(question), question.edition

        def made(composed: UserQuestion) -> UserQuestion:
            nonlocal is_call, edition
            is_call, edition = self._is_call(question), question.edition
            return replace(composed, is_call=is_call, is_counted=is_counted)

        try:
            asked = await self._asker.ask(question, made)
        except UserError as refusal:
            if is_call or not isinstance(refusal, NotAllowed):
                await self._say(question, str(refusal))
        except StoreError as error:
            if is_call:
                _log.error("a message could not be taken: %s", error)
                await self._say(question, phrases.BROKEN)
            else:
                self._doubts.note(error, "a message is left alone, as it cannot be stored")
        else:
            await self.remarks.take_away(question.message.id)
            return Reacted(edition if asked is None else asked, is_asked=True)
        return Reacted(edition)

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
