"""Changing what a request asks, while it waits and while it is being answered."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from bot.chat.draft import Draft
from bot.chat.events import Ask
from bot.chat.intake import Intake
from bot.chat.ticket import Ticket
from data.errors import StoreError
from data.store.store import Store

_REWORDED = "You changed your message, so I begin again."
_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Hold:
    """Several changes of one question take turns."""

    holders: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Rewording:
    """Holds the tickets whose questions are being changed: nobody answers them until then.

    Whoever answers waits for `released` before, and for `begin_again` after the answering was
    cancelled.
    """

    def __init__(self, store: Store, intake: Intake) -> None:
        self._store = store
        self._intake = intake
        self._holds: dict[Ticket, _Hold] = {}

    async def reword(self, ticket: Ticket, asking: Callable[[], Awaitable[Ask]]) -> bool:
        """Store what `asking()` gives in place of what was asked; see `Chat.reword`."""
        if ticket.outcome is not None:
            return False
        async with self._holding(ticket):
            ask = replace(await asking(), variant=ticket.request.variant)
            new = await self._intake.request(ask)
            number = ticket.request.id
            if not await self._store.reword(number, new.prompt, new.turns, interrupted=True):
                return False
            ticket.update(await self._store.request(number))
            return True

    async def released(self, ticket: Ticket) -> None:
        """Wait until the question is not being changed."""
        while (hold := self._holds.get(ticket)) is not None:
            await hold.over.wait()

    async def begin_again(self, draft: Draft) -> None:
        """Forget what was written so far, and wait until the question is changed."""
        ticket = draft.ticket
        if ticket.text:
            draft.restart(_REWORDED)
        await self.released(ticket)
        try:
            ticket.update(await self._store.request(ticket.request.id))
        except StoreError as error:
            _log.error("request %d could not be read anew: %s", ticket.request.id, error)

    @asynccontextmanager
    async def _holding(self, ticket: Ticket) -> AsyncGenerator[None]:
        hold = self._holds.setdefault(ticket, _Hold())
        hold.holders += 1
        try:
            async with hold.turn:
                yield
        finally:
            hold.holders -= 1
            if hold.holders == 0:
                del self._holds[ticket]
                hold.over.set()
