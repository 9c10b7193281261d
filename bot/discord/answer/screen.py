"""The messages of one request on Discord, edited until they show what they should."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import discord

from bot.discord.answer.button_row import ButtonRow, view
from bot.discord.answer.outlet import Outlet
from bot.discord.answer.picture import Picture
from bot.discord.api.refusals import Remedy, remedy
from data.records import RequestMessage


@dataclass
class _Message:
    id: int
    content: str | None  # None: sent by an earlier process
    row: ButtonRow | None


class Screen:
    """Shows pictures with as few calls as possible, one call at a time.

    `sent` is awaited with each new message before anything else is sent.
    """

    def __init__(
        self,
        outlet: Outlet,
        request_id: int,
        sent: Callable[[RequestMessage], Awaitable[None]],
    ) -> None:
        self.outlet = outlet
        self._request_id = request_id
        self._sent = sent
        self._messages: list[_Message] = []
        self._taken_away = 0

    def adopt(self, known: Sequence[int]) -> None:
        """Take over the messages, by id, that an earlier process sent for the same request."""
        self._messages = [_Message(number, None, None) for number in known]

    @property
    def is_empty(self) -> bool:
        """Whether the person sees nothing yet."""
        return not self._messages

    @property
    def messages(self) -> list[RequestMessage]:
        """The messages that are on Discord, in order."""
        channel = str(self.outlet.channel_id)
        return [
            RequestMessage(channel, str(message.id), position)
            for position, message in enumerate(self._messages)
        ]

    @property
    def accepted(self) -> tuple[str, ...]:
        """What the messages show, as Discord last took it; empty where that is not known."""
        contents = [message.content for message in self._messages if message.content is not None]
        return tuple(contents) if len(contents) == len(self._messages) else ()

    async def abandon(self) -> None:
        """Take everything away, as far as Discord lets us: what stands there can never end.

        Raises what the outlet raises where a later call may work: it goes on then.
        """
        await _unless_refused(self.outlet.abandon())
        while self._messages:
            await _unless_refused(self.outlet.delete(self._messages[-1].id))
            self._messages.pop()

    async def show(self, picture: Picture) -> None:
        """Make the messages look like `picture`.

        Raises what the outlet raises; a further call goes on where this one failed.
        """
        last = len(picture.contents) - 1
        for position, content in enumerate(picture.contents):
            row = picture.row if position == last else None
            if position < len(self._messages):
                await self._change(self._messages[position], content, row)
            else:
                await self._add(position, content, row)
        while len(self._messages) > max(1, len(picture.contents)):
            await self._remove_last()

    async def _remove_last(self) -> None:
        """Delete the last message; from the beginning it is none of those that somebody deletes."""
        last = self._messages.pop()
        try:
            with suppress(discord.NotFound):
                await self.outlet.delete(last.id)
        except BaseException:
            self._messages.append(last)
            raise
        self._taken_away += 1

    async def _change(self, message: _Message, content: str, row: ButtonRow | None) -> None:
        if (message.content, message.row) != (content, row):
            await self.outlet.edit(message.id, content, view(row))
            message.content, message.row = content, row

    async def _add(self, position: int, content: str, row: ButtonRow | None) -> None:
        nonce = f"{self._request_id}-{position}-{self._taken_away}"
        number = await self.outlet.send(content, view(row), nonce)
        self._messages.append(_Message(number, content, row))
        await self._sent(self.messages[position])


async def _unless_refused(call: Awaitable[None]) -> None:
    """Await a call that Discord may refuse for good; raises where it may do so later."""
    try:
        await call
    except discord.HTTPException as refusal:
        if remedy(refusal) is Remedy.LATER:
            raise
