"""Messages on their way in: each follows its changes from the first moment on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import discord

from bot.discord.identity import message_key
from bot.discord.newest import Newest

REMEMBERED = 5000


@dataclass(eq=False, slots=True)
class OpenQuestion:
    """A message that may be for the bot, until it is answered or let go.

    `message` is as it reads now, after `edition` edits. `original` is the person's own message
    where `message` is a proxy bot's copy of it.
    """

    message: discord.Message
    original: discord.Message | None = None
    edition: int = 0
    is_gone: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> str:
        """The source key of the request that it may become."""
        return message_key(self.message.channel.id, self.message.id)

    @property
    def author(self) -> discord.abc.User:
        """The person who wrote it."""
        return (self.original or self.message).author


class OpenQuestions:
    """The messages that are being read, judged or stored just now."""

    def __init__(self) -> None:
        self._open: dict[str, OpenQuestion] = {}

    def begin(
        self, message: discord.Message, original: discord.Message | None = None
    ) -> OpenQuestion | None:
        """Follow a message from now on; None if it is being followed already."""
        question = OpenQuestion(message, original)
        if question.key in self._open:
            return None
        self._open[question.key] = question
        return question

    def end(self, question: OpenQuestion) -> None:
        """Follow it no more."""
        self._open.pop(question.key, None)
        question.over.set()

    async def ended(self, key: str) -> None:
        """Wait until the message with this key is followed no more."""
        if (question := self._open.get(key)) is not None:
            await question.over.wait()

    def edited(self, message: discord.Message) -> bool:
        """Take a message's new wording; false if it is not open."""
        question = self._open.get(message_key(message.channel.id, message.id))
        if question is None:
            return False
        question.message = message
        question.edition += 1
        return True

    def gone(self, key: str) -> None:
        """The message with this key was deleted."""
        if (question := self._open.get(key)) is not None:
            question.is_gone = True

    def gone_with(self, is_gone: Callable[[discord.abc.Snowflake], bool]) -> None:
        """The channels for which `is_gone` holds are closed to the bot, with all messages."""
        for question in self._open.values():
            if is_gone(question.message.channel):
                question.is_gone = True


class Wordings:
    """What the newest messages said when they were last seen, to tell an edit from other changes.

    Discord sends the same event when a link's preview arrives or a message is pinned.
    """

    def __init__(self) -> None:
        self._last: Newest[int, tuple[datetime | None, str, int]] = Newest(REMEMBERED)

    def note(self, message: discord.Message) -> None:
        """Remember how a message reads now; of too many the oldest are forgotten."""
        self._last.put(message.id, _seen(message))

    def knows(self, message_id: int) -> bool:
        """Whether the message was seen before."""
        return self._last.get(message_id) is not None

    def is_edit(self, message: discord.Message) -> bool:
        """Whether its author changed it since it was last seen; that is noted."""
        before = self._last.get(message.id)
        self.note(message)
        if message.edited_at is None:
            return False
        if before is None:
            return True
        return before[0] != message.edited_at and before[1:] != _seen(message)[1:]


def _seen(message: discord.Message) -> tuple[datetime | None, str, int]:
    return message.edited_at, message.content, len(message.attachments)
