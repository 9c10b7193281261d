"""From a message to a question: its text and files, and what was said before it."""

import asyncio
import logging
from collections.abc import Sequence

import discord

from bot.chat.conversation import Utterance
from bot.discord import phrases
from bot.discord.asking.desk import UserQuestion
from bot.discord.asking.open_questions import OpenQuestion
from bot.discord.incoming.history import READING_S, History
from bot.discord.incoming.listening import incoming, is_reply
from bot.discord.incoming.text_files import read_files
from bot.discord.rules import is_always
from bot.front_end import Services
from data.errors import StoreError

_log = logging.getLogger(__name__)


class Composer:
    """Reads what belongs to a question. All of that is optional, and takes READING_S at most."""

    def __init__(self, client: discord.Client, services: Services, history: History) -> None:
        self._client = client
        self._store = services.store
        self._max_chars = services.settings.prompt_max_chars
        self._history = history

    async def compose(self, question: OpenQuestion) -> UserQuestion:
        """The question as its message reads now; raises nothing where Discord or the store fails.

        A proxy bot's copy is asked in the name of the person who wrote it, called as the copy is.
        """
        message = question.message
        text = self.text(message)
        (files, notices), history = await asyncio.gather(
            self._files(message.attachments, self._max_chars - len(text)),
            self._before(message, question.original or message),
        )
        return UserQuestion(
            key=question.key,
            person=question.author,
            channel=message.channel,
            text=(text + files).strip() or phrases.ABOUT_PROMPT,
            history=history,
            notices=notices,
            name=None if message.webhook_id is None else message.author.display_name,
        )

    def text(self, message: discord.Message) -> str:
        """What a message says, without the bot's mention."""
        return incoming(message, self._client.user.id if self._client.user else 0).text

    async def _files(
        self, attachments: Sequence[discord.Attachment], room: int
    ) -> tuple[str, tuple[str, ...]]:
        try:
            async with asyncio.timeout(READING_S):
                return await read_files(attachments, room)
        except TimeoutError:
            return "", (phrases.FILES_TOO_SLOW,)

    async def _before(
        self, message: discord.Message, written: discord.Message
    ) -> tuple[Utterance, ...]:
        """What was said before `message`, which stands for the one that a person has written.

        That is the reply chain; in a place that is one conversation, that conversation too.
        """
        try:
            chain, place = await asyncio.gather(
                self._history.before(written) if is_reply(written) else _nothing(),
                self._place(message),
            )
        except StoreError as error:
            _log.error("a question is asked without what was said before it: %s", error)
            return ()
        return (*(line for line in chain if line not in place), *place)

    async def _place(self, message: discord.Message) -> tuple[Utterance, ...]:
        channel = message.channel
        is_one = isinstance(channel, discord.DMChannel | discord.Thread)
        if is_one or await is_always(self._store, channel):
            return await self._history.of_channel(channel, channel, message)
        return ()


async def _nothing() -> tuple[Utterance, ...]:
    return ()
