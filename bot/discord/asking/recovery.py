"""What an interrupted request looks like on Discord: the store may not know how it ended."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import discord

from bot.chat.resumption import Resumption
from bot.chat.ticket import Ticket
from bot.discord.answer.button_row import pressed_button
from bot.discord.answer.evidence import AnswerShown, EndShown, ShownMessage, end_shown
from bot.discord.api.endpoints import NOT_DONE
from bot.discord.identity import asking_message, own_id
from data.records import NewAnswer, Request, RequestMessage, RequestState
from data.store.store import Store

LOOK_S = 10.0  # for one request; the younger ones wait for it
_MOST_READ = 200  # messages after the question among which the bot's own are looked for
_log = logging.getLogger(__name__)


class Recovery:
    """Looks at the bot's own messages of requests that an earlier process left.

    What people have read is what happened: an answer that is complete there is stored and never
    given a second time. Where nothing can be read, the request goes on as the store has it.
    """

    def __init__(self, client: discord.Client, store: Store, resumption: Resumption) -> None:
        self._client = client
        self._store = store
        self._resumption = resumption

    async def settle(self, ticket: Ticket, channel_id: int) -> list[int]:
        """Let the request go on or end, by what is seen; gives the ids of its messages, in order.

        Raises StoreError.
        """
        request, resumption = ticket.request, self._resumption
        try:
            noted = await self._store.request_messages(request.id)
            messages = await self._read(request, channel_id, noted)
            if resumption.holds(ticket):
                match end_shown(request.id, [_shown(message) for message in messages]):
                    case AnswerShown() as shown if request.state is RequestState.RUNNING:
                        _log.info("request %d was answered before it was stored", request.id)
                        answer = _answer(request, shown, messages[-1])
                        await resumption.answered(ticket, answer, shown.state)
                    case EndShown(state, message):
                        await resumption.ended(ticket, state, message)
                    case _:
                        pass
        finally:  # whatever was seen, the request must not wait for ever
            await resumption.go_on(ticket)
        return [int(one.message_id) for one in noted] or [message.id for message in messages]

    async def _read(
        self, request: Request, channel_id: int, noted: Sequence[RequestMessage]
    ) -> list[discord.Message]:
        """The request's messages: those that were noted, else those that are found."""
        try:
            async with asyncio.timeout(LOOK_S):
                if noted:
                    return [await self._fetch(one) for one in noted]
                channel = self._client.get_partial_messageable(channel_id)
                return await self._search(request, channel)
        except NOT_DONE as error:
            _log.info("request %d: its messages cannot be read: %s", request.id, type(error))
            return []

    async def _fetch(self, one: RequestMessage) -> discord.Message:
        channel = self._client.get_partial_messageable(int(one.channel_id))
        return await channel.fetch_message(int(one.message_id))

    async def _search(
        self, request: Request, channel: discord.PartialMessageable
    ) -> list[discord.Message]:
        """The bot's messages that belong to a request, up to the one with its buttons."""
        found: list[discord.Message] = []
        async for message in self._own(request, channel):
            buttons = [pressed_button(one) for one in _buttons(message)]
            asked = asking_message(request.source_key)
            replied = message.reference.message_id if message.reference else None
            if any(button and button[1] == request.id for button in buttons):
                return [*found, message]
            if asked is not None and replied == asked:
                found = [message]
            elif found and replied is None and not buttons:
                found.append(message)  # a long answer goes on
        return found[:1]

    async def _own(
        self, request: Request, channel: discord.PartialMessageable
    ) -> AsyncIterator[discord.Message]:
        asked = asking_message(request.source_key)
        after = discord.Object(asked) if asked else request.created_at
        me = own_id(self._client)
        async for message in channel.history(limit=_MOST_READ, after=after, oldest_first=True):
            if message.author.id == me:
                yield message


def _shown(message: discord.Message) -> ShownMessage:
    return ShownMessage(message.content, tuple(_buttons(message)))


def _buttons(message: discord.Message) -> list[str]:
    return [
        child.custom_id
        for row in message.components
        if isinstance(row, discord.ActionRow)
        for child in row.children
        if isinstance(child, discord.Button) and child.custom_id
    ]


def _answer(request: Request, shown: AnswerShown, last: discord.Message) -> NewAnswer:
    """The answer as far as its messages tell; what the worker said of it is lost."""
    when = last.edited_at or last.created_at
    took = (min(when, datetime.now(UTC)) - request.created_at).total_seconds()
    return NewAnswer(
        text=shown.text,
        variant=shown.variant,
        adapter_hash=None,
        model_id="unknown",
        finish_reason=shown.finish_reason,
        prompt_tokens=None,
        completion_tokens=None,
        queue_ms=0,
        first_token_ms=None,
        total_ms=max(0, round(took * 1000)),
    )
