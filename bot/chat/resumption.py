"""Taking up what an earlier process left: to be answered anew, to be ended, or known to be done."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from bot.chat.answering import EXPIRED, MAX_ATTEMPTS
from bot.chat.endings import BROKEN, Endings
from bot.chat.events import Ended, Finished
from bot.chat.ticket import Ticket
from bot.clock import Clock
from bot.config.settings import BotSettings
from data.records import AnsweredState, NewAnswer, Request, RequestState, UnansweredState
from data.store.store import Store

_INTERRUPTED = "I was interrupted twice while answering this, so I let it go. Please ask me again."


class Resumption:
    """Decides what becomes of stored requests that have not ended.

    Waiting and interrupted requests wait again; an interrupted answer starts from its beginning.
    Requests older than `REQUEST_TTL_S` end as EXPIRED and those interrupted too often as FAILED,
    and their tickets carry the Ended event already.

    What the store calls unfinished may have ended before the eyes of people, by a process that
    could not store that. So `resume(hold=True)` keeps the requests back until whoever has looked
    calls `go_on`, `answered` or `ended` for each. They go on in the order of their ids.
    """

    def __init__(
        self,
        store: Store,
        endings: Endings,
        settings: BotSettings,
        clock: Clock,
        live: Mapping[str, Ticket],
        new_ticket: Callable[[Request], Ticket],
        enqueue: Callable[[Ticket], Ticket],
    ) -> None:
        self._store = store
        self._endings = endings
        self._ttl_s = settings.request_ttl_s
        self._clock = clock
        self._live = live
        self._new_ticket = new_ticket
        self._enqueue = enqueue
        self._held: dict[str, Ticket] = {}  # by source key, oldest first
        self._may_go_on: set[str] = set()  # source keys of held requests
        self._releasing = asyncio.Lock()

    async def resume(self, front_ends: Collection[str] | None, *, hold: bool) -> list[Ticket]:
        """The tickets of the requests that were asked through these front ends, oldest first.

        None means all front ends.
        """
        tickets: list[Ticket] = []
        for request in await self._store.unfinished():
            known = request.source_key in self._live or request.source_key in self._held
            if known or not (front_ends is None or request.front_end in front_ends):
                continue
            ticket = self._new_ticket(request)
            if hold:
                self._held[request.source_key] = ticket
            else:
                await self._take_up(ticket)
            tickets.append(ticket)
        return tickets

    async def known(self, request: Request) -> Ticket:
        """The ticket of a stored request: the live one, one taken up, or one that has ended."""
        for tickets in (self._live, self._held):
            if request.source_key in tickets:
                return tickets[request.source_key]
        ticket = self._new_ticket(request)
        if not request.state.is_final:
            return await self._take_up(ticket)
        answer = await self._store.answer_for(request.id)
        if answer is None:
            ticket.publish(Ended(request.state, request.error or BROKEN))
        else:
            ticket.publish(Finished(answer, request))
        return ticket

    def holds(self, ticket: Ticket) -> bool:
        """Whether the ticket is kept back."""
        return ticket.request.source_key in self._held

    def kept(self) -> list[Ticket]:
        """The tickets that are kept back, oldest first."""
        return list(self._held.values())

    def give_up(self) -> list[Ticket]:
        """Give up all tickets that are kept back; they stay in the store as they are."""
        held = self.kept()
        self._held.clear()
        self._may_go_on.clear()
        return held

    async def go_on(self, ticket: Ticket) -> None:
        """Nobody has seen an end of it: let it be answered, or end it where that is too late."""
        if self.holds(ticket):
            self._may_go_on.add(ticket.request.source_key)
            await self._release()

    async def answered(self, ticket: Ticket, answer: NewAnswer, state: AnsweredState) -> None:
        """People have this answer before their eyes: store it as the request's own."""
        if self._held.pop(ticket.request.source_key, None) is not None:
            await self._endings.store_answer(ticket, answer, state)
            await self._release()

    async def ended(self, ticket: Ticket, state: UnansweredState, message: str) -> None:
        """People were told that there is no answer, by this message: store that."""
        if self._held.pop(ticket.request.source_key, None) is not None:
            await self._endings.end(ticket, state, message)
            await self._release()

    async def _release(self) -> None:
        """Take up the oldest held requests, up to the first that nobody has looked at."""
        async with self._releasing:
            while (key := next(iter(self._held), "")) in self._may_go_on:
                self._may_go_on.discard(key)
                await self._take_up(self._held.pop(key))

    async def _take_up(self, ticket: Ticket) -> Ticket:
        """Let a request of an earlier process wait again, or end it."""
        request = ticket.request
        age = self._clock.now() - request.created_at
        interrupted = request.state is RequestState.RUNNING
        if age.total_seconds() > self._ttl_s:
            await self._endings.end(ticket, RequestState.EXPIRED, EXPIRED)
            return ticket
        if interrupted and request.attempts >= MAX_ATTEMPTS:
            await self._endings.end(ticket, RequestState.FAILED, _INTERRUPTED)
            return ticket
        if interrupted:
            ticket.update(await self._store.requeue(request.id))
        return self._enqueue(ticket)
