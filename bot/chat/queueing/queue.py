"""The durable, fair queue: every waiting request is a row; who is next is decided in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.chat.events import Queued
from bot.chat.queueing.fairness import RoundRobin, ServiceTime, estimate_s
from bot.chat.ticket import Ticket
from bot.config.settings import BotSettings
from bot.errors import QueueFull, TooManyWaiting

_RETRY_UNKNOWN_S = 30.0
_RETRY_LEAST_S = 5.0
_CANCEL_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """How many requests wait, and how many the worker has been given."""

    waiting: int
    running: int


class RequestQueue:
    """Runs `serve(ticket)` for waiting tickets, fairly, `WORKER_CONCURRENCY` at once.

    Keeps order, limits, positions and tasks; the stored requests are the caller's. `serve` must
    not raise. Nothing is served before `open()`.
    """

    def __init__(self, settings: BotSettings, serve: Callable[[Ticket], Awaitable[None]]) -> None:
        self._limit = settings.queue_max
        self._per_user = settings.queue_per_user
        self._concurrency = settings.worker_concurrency
        self._serve = serve
        self._order = RoundRobin[Ticket]()
        self._serving: dict[Ticket, asyncio.Task[None]] = {}
        self._is_open = False
        self.service_time = ServiceTime()

    def check(self, user_id: str) -> None:
        """Raise TooManyWaiting or QueueFull if this person's next request is one too many."""
        running = sum(ticket.request.user_id == user_id for ticket in self._serving)
        if running + self._order.waiting(user_id) >= self._per_user:
            raise TooManyWaiting(self._per_user, self.busy_s(user_id))
        if len(self._order) >= self._limit:
            raise QueueFull(self._retry_after_s())

    def busy_s(self, user_id: str) -> float:
        """About how many seconds it takes until the next of this person's requests is done."""
        service_s = self.service_time.average_s
        if service_s is None:
            return _RETRY_UNKNOWN_S
        if any(ticket.request.user_id == user_id for ticket in self._serving):
            return max(_RETRY_LEAST_S, service_s)
        places = (place for place, ticket in enumerate(self._order, start=1)
                  if ticket.request.user_id == user_id)  # fmt: skip
        return max(_RETRY_LEAST_S, service_s + (self._estimate_s(next(places, 1)) or 0))

    @property
    def load(self) -> Load:
        """How many requests wait and run now."""
        return Load(waiting=len(self._order), running=len(self._serving))

    def add(self, ticket: Ticket) -> None:
        """Put a ticket into the queue, which publishes its position as the first event."""
        self._order.add(ticket.request.user_id, ticket)
        self._announce()
        self._fill()

    def take_out(self, ticket: Ticket) -> bool:
        """Take a waiting ticket out of the queue; False when it does not wait."""
        removed = self._order.remove(ticket.request.user_id, ticket)
        if removed:
            self._announce()
        return removed

    def open(self) -> None:
        """Begin to serve what waits."""
        self._is_open = True
        self._fill()

    async def close(self, drain_s: float, cut_short: Callable[[Ticket], None]) -> list[Ticket]:
        """Stop serving and return the tickets that still waited.

        Running ones have `drain_s` seconds to end; for each that has not, `cut_short(ticket)` is
        called and its end awaited.
        """
        self._is_open = False
        waiting = list(self._order)
        self._order = RoundRobin[Ticket]()
        if self._serving:
            await asyncio.wait(self._serving.values(), timeout=drain_s)
        for ticket in list(self._serving):
            cut_short(ticket)
        if self._serving:
            await asyncio.wait(self._serving.values(), timeout=_CANCEL_LIMIT_S)
        return waiting

    def _fill(self) -> None:
        """Start serving as many tickets as there are free places."""
        started = False
        while self._is_open and self._free > 0 and len(self._order) > 0:
            _, ticket = self._order.pop()
            task = asyncio.create_task(self._run(ticket), name=f"request {ticket.request.id}")
            self._serving[ticket] = task
            started = True
        if started:
            self._announce()

    async def _run(self, ticket: Ticket) -> None:
        try:
            await self._serve(ticket)
        finally:
            del self._serving[ticket]
            self._fill()

    def _announce(self) -> None:
        """Publish the new position to every ticket whose position changed."""
        for position, ticket in enumerate(self._order, start=1):
            last = ticket.last_queued
            if last is None or last.position != position:
                wait = self._estimate_s(position)
                ticket.publish(Queued(ticket.request.id, position, wait))

    @property
    def _free(self) -> int:
        return self._concurrency - len(self._serving)

    def _estimate_s(self, position: int) -> float | None:
        return estimate_s(position, self._free, self._concurrency, self.service_time.average_s)

    def _retry_after_s(self) -> float:
        """About how many seconds it takes until half of the waiting tickets have started."""
        wait = self._estimate_s(max(1, len(self._order) // 2))
        return _RETRY_UNKNOWN_S if wait is None else max(_RETRY_LEAST_S, wait)
