"""Threads of their own for answers, in channels for which the managers have set that."""

from dataclasses import replace

import discord

from bot.discord.answer.interaction_outlet import NOBODY, InteractionOutlet
from bot.discord.answer.outlet import ChannelOutlet, Outlet
from bot.discord.answer.splitting import split
from bot.discord.answer.thread_outlet import ThreadOutlet, title_of
from bot.discord.api.endpoints import NOT_DONE
from bot.discord.asking.desk import Desk, UserQuestion
from bot.discord.identity import opening_key
from bot.discord.rules import THREAD_PERMISSION, may_open_threads, opens_threads
from data.errors import StoreError

_QUOTE = ">>> "
_SHOWN_UNITS = 1000  # of a question that a command asked; the rest is in nobody's way


class OwnThreads:
    """Decides which answers get one, and begins one for what a command asks."""

    def __init__(self, client: discord.Client, desk: Desk) -> None:
        self._client = client
        self._desk = desk

    async def wanted(self, channel: object) -> bool:
        """Whether an answer there gets a thread of its own; without the permission it gets none."""
        if not isinstance(channel, discord.TextChannel):
            return False
        try:
            if not await opens_threads(self._desk.services.store, channel):
                return False
        except StoreError as error:
            self._desk.doubts.note(error, "a message is answered without a thread of its own")
            return False
        if may_open_threads(channel):
            return True
        line = f"give me {THREAD_PERMISSION} there for threads; until then I answer in place"
        self._desk.refusals.note(channel.id, THREAD_PERMISSION, line)
        return False

    async def place_of(
        self, interaction: discord.Interaction, question: UserQuestion
    ) -> tuple[UserQuestion, Outlet]:
        """Where the answer to a deferred command goes, and the question as it is asked there.

        Where the answer gets a thread, the response shows what was asked, and the thread hangs on
        it: no other message shows that. Where Discord refuses to show it, the answer is the
        response, as elsewhere.
        """
        channel = interaction.channel
        if channel is None or not await self.wanted(channel):
            return question, InteractionOutlet(interaction)
        try:
            response = await interaction.edit_original_response(
                content=_quoted(question.text), allowed_mentions=NOBODY
            )
        except NOT_DONE as failure:
            if isinstance(failure, discord.HTTPException):
                self._desk.refusals.tell(channel.id, failure)
            return question, InteractionOutlet(interaction)
        in_place = ChannelOutlet(self._client, channel.id, response.id)
        title, asker = title_of(question.text), interaction.user.id
        key = opening_key(interaction.id, channel.id, response.id)
        outlet = ThreadOutlet(self._client, in_place, response.id, title, asker)
        return replace(question, key=key, thread=response.id), outlet


def _quoted(question: str) -> str:
    """The question as a quote, only its beginning where it is long. Pure."""
    first, *more = split(question, _SHOWN_UNITS)
    return f"{_QUOTE}{first.content}{'…' if more else ''}"
