"""From a message to a question: its text and files, what it points at, and what was said before."""

import discord

from bot.discord.asking.desk import Desk, UserQuestion
from bot.discord.asking.own_threads import OwnThreads
from bot.discord.following.open_questions import OpenQuestion
from bot.discord.identity import own_id
from bot.discord.incoming.listening import incoming
from bot.discord.rules import is_always
from bot.errors import UserError
from data.errors import StoreError


class Composer:
    """Reads what belongs to a question. What surrounds it is optional, and takes a few seconds."""

    def __init__(self, client: discord.Client, desk: Desk) -> None:
        self._client = client
        self._desk = desk
        self._threads = OwnThreads(client, desk)
        self._store = desk.services.store
        self._max_chars = desk.services.settings.prompt_max_chars

    async def settled(self, question: OpenQuestion) -> tuple[int, UserQuestion]:
        """The question as it reads at the end of all reading, and which edition that is.

        Raises what `compose` raises.
        """
        while True:
            edition = question.edition
            try:
                asked = await self.compose(question)
            except (UserError, StoreError):
                if question.edition == edition or question.is_gone:
                    raise
                continue  # what was wrong may be right by now
            if question.edition == edition or question.is_gone:
                return edition, asked

    async def compose(self, question: OpenQuestion) -> UserQuestion:
        """The question as its message reads now; whatever fails around it is left out.

        A proxy bot's copy is asked in the name of the person who wrote it, called as the copy is.
        Raises UserError where there is nothing to read.
        """
        message = question.message
        in_thread = await self._threads.wanted(message.channel)
        heard = await self._desk.questions.of_message(
            message,
            self._max_chars,
            written=question.original,
            # Each thread is a conversation of its own.
            whole_place=not in_thread and await self._is_whole(message),
        )
        return UserQuestion(
            key=question.key,
            person=question.author,
            channel=message.channel,
            text=heard.text,
            history=heard.history,
            notices=heard.notices,
            mentioned=heard.mentioned,
            thread=message.id if in_thread else None,
            name=None if message.webhook_id is None else message.author.display_name,
        )

    def text(self, message: discord.Message) -> str:
        """What a message says, without the bot's mention."""
        return incoming(message, own_id(self._client)).text

    async def _is_whole(self, message: discord.Message) -> bool:
        """Whether all that is said where a message stands is one conversation with the bot."""
        channel = message.channel
        if isinstance(channel, discord.DMChannel | discord.Thread):
            return True
        try:
            return await is_always(self._store, channel)
        except StoreError as error:
            self._desk.doubts.note(error, "a message is answered without what was said before")
            return False
