"""The chat turn without a front end: an ask goes in, events come out, an answer is stored."""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from bot.chat.answering import EXPIRED, MAX_ATTEMPTS, Answering, NoAnswer
from bot.chat.draft import Draft
from bot.chat.endings import Endings
from bot.chat.events import Ask, Ended, Finished
from bot.chat.intake import Intake
from bot.chat.queue import Load, RequestQueue
from bot.chat.ticket import Ticket
from bot.chat.variants import Variants
from bot.clock import SYSTEM_CLOCK, Clock
from bot.config.settings import BotSettings
from bot.errors import ShuttingDown, UserError
from bot.worker.interface import AnswerSource, WorkerWatch
from data.records import Answer, NewAnswer, Request, RequestState
from data.store.store import Store
from data.turns import is_asked_by, without

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_WRITE_LIMIT_S = 10.0  # for the last writes when the bot stops
_BROKEN = "Something went wrong on my side. Please try again; my operator finds it in the log."
_INTERRUPTED = "I was interrupted twice while answering this, so I let it go. Please ask me again."


class Chat:
    """Takes asks, answers them fairly and durably through the worker, stores the answers.

    Life: create, `resume()` once, `run()` as a task of the caller, `submit` at any time in
    between, `aclose()`. Every accepted request ends with exactly one Finished or Ended, and is
    answered at most once even when the process is killed.

    `rng` draws the seeds. `watch` says when the worker is ready and is told of its failures.
    """

    def __init__(
        self,
        store: Store,
        worker: AnswerSource,
        settings: BotSettings,
        watch: WorkerWatch,
        *,
        rng: random.Random,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self.variants = Variants(store, worker, settings.default_variant, clock)
        self._intake = Intake(store, self.variants, settings, rng)
        self._answering = Answering(store, worker, watch, self.variants, settings, clock)
        self._endings = Endings(store, clock)
        self._queue = RequestQueue(settings, self._serve)
        self._live: dict[str, Ticket] = {}  # by source key, until the end
        self._work: dict[Ticket, asyncio.Task[NewAnswer | NoAnswer]] = {}
        self._own: set[asyncio.Task[Any]] = set()
        self._admission = asyncio.Lock()
        self._closing: asyncio.Task[None] | None = None
        self._cutting = False
        self._closed = asyncio.Event()
        self.observers: list[Callable[[Ticket], None]] = []  # called after each terminal event

    @property
    def load(self) -> Load:
        """How many requests wait, and how many the worker has been given."""
        return self._queue.load

    def busy_s(self, user_id: str) -> float:
        """About how many seconds it takes until the next of this person's requests is done."""
        return self._queue.busy_s(user_id)

    async def submit(self, ask: Ask) -> Ticket:
        """Accept `ask`, stored before this returns; the same `source_key` gives the same request.

        Raises EmptyPrompt, PromptTooLong, UnknownVariant, QueueFull, TooManyWaiting or
        ShuttingDown (all UserError), or StoreError when it could not be stored. Cancelling the
        call does not take back a request that was being stored.
        """
        if ask.source_key in self._live:
            return self._live[ask.source_key]
        return await asyncio.shield(self._start(self._admit(ask)))

    def unfinished_of(self, user_id: str) -> list[Ticket]:
        """The tickets of a person's requests that wait or run."""
        return [ticket for ticket in self._live.values() if ticket.request.user_id == user_id]

    def unfinished(self, front_end: str) -> list[Ticket]:
        """The tickets of a front end's requests that wait or run, oldest first."""
        return [one for one in self._live.values() if one.request.front_end == front_end]

    def repeating(self, user_id: str) -> list[Ticket]:
        """The tickets of other people's requests that wait or run and ask with this one's words."""
        return [
            ticket
            for ticket in self._live.values()
            if ticket.request.user_id != user_id and is_asked_by(ticket.request.turns, user_id)
        ]

    def leave_out(self, user_id: str) -> None:
        """Take a person who was forgotten out of what other people's unfinished requests hold."""
        for ticket in self._live.values():
            turns = without(ticket.request.turns, user_id)
            ticket.update(replace(ticket.request, turns=turns))

    async def reword(self, ticket: Ticket, ask: Ask) -> bool:
        """Replace the prompt of a request that still waits by that of `ask`; false if too late.

        The request keeps its place in the queue, its variant and its seed. Raises EmptyPrompt,
        PromptTooLong or StoreError.
        """
        new = await self._intake.request(replace(ask, variant=ticket.request.variant))
        if not await self._store.reword(ticket.request.id, new.prompt, new.turns):
            return False
        ticket.update(replace(ticket.request, prompt=new.prompt, turns=new.turns))
        return True

    async def resume(self, front_ends: Collection[str] | None = None) -> list[Ticket]:
        """Take up the requests that an earlier process left; return their tickets, oldest first.

        With `front_ends`, only requests that were asked through these: the others go on waiting
        until their own front end runs again.

        Waiting and interrupted requests wait again; an interrupted answer starts from its
        beginning. Requests older than `REQUEST_TTL_S` end as EXPIRED and those interrupted too
        often as FAILED, and their tickets carry the Ended event already.
        """
        async with self._admission:
            unfinished = await self._store.unfinished()
            return [
                await self._take_up(request)
                for request in unfinished
                if request.source_key not in self._live
                and (front_ends is None or request.front_end in front_ends)
            ]

    async def run(self) -> None:
        """Answer requests until `aclose()` is called; when cancelled, do what `aclose(0)` does."""
        self._queue.open()
        try:
            await self._closed.wait()
        finally:
            await self.aclose(0)

    async def aclose(self, drain_s: float | None = None) -> None:
        """Stop: take nothing new, let running requests finish for `drain_s` seconds, park the rest.

        `drain_s` None means the setting `DRAIN_S`. Parked requests, and those that still waited,
        stay in the store for the next start; their tickets end with Ended(WAITING). Calling it
        again waits for the first call.
        """
        if self._closing is None:
            limit = self._settings.drain_s if drain_s is None else drain_s
            self._closing = self._start(self._close(limit))
        await asyncio.shield(self._closing)

    async def _admit(self, ask: Ask) -> Ticket:
        if self._closing is not None:
            raise ShuttingDown
        new = await self._intake.request(ask)
        async with self._admission:  # limits are checked and used up in one go
            if new.source_key in self._live:
                return self._live[new.source_key]
            try:
                self._check(new.user_id)
            except UserError:
                earlier = await self._store.request_from(new.source_key)
                if earlier is None:
                    raise
                return await self._known(earlier)
            request, is_new = await self._store.add_request(new)
            if not is_new:
                return await self._known(request)
            return self._enqueue(self._ticket(request, may_fall_back=ask.variant is None))

    def _check(self, user_id: str) -> None:
        if self._closing is not None:
            raise ShuttingDown
        self._queue.check(user_id)

    async def _known(self, request: Request) -> Ticket:
        """The ticket of a stored request: the live one, one taken up, or one that has ended."""
        if request.source_key in self._live:
            return self._live[request.source_key]
        if not request.state.is_final:
            return await self._take_up(request)
        ticket = self._ticket(request)
        answer = await self._store.answer_for(request.id)
        if answer is None:
            ticket.publish(Ended(request.state, request.error or _BROKEN))
        else:
            ticket.publish(Finished(answer, request))
        return ticket

    async def _take_up(self, request: Request) -> Ticket:
        """Let a request of an earlier process wait again, or end it."""
        age = self._clock.now() - request.created_at
        ticket = self._ticket(request)
        interrupted = request.state is RequestState.RUNNING
        if age.total_seconds() > self._settings.request_ttl_s:
            await self._endings.end(ticket, RequestState.EXPIRED, EXPIRED)
            return ticket
        if interrupted and request.attempts >= MAX_ATTEMPTS:
            await self._endings.end(ticket, RequestState.FAILED, _INTERRUPTED)
            return ticket
        if interrupted:
            ticket.update(await self._store.requeue(request.id))
        return self._enqueue(ticket)

    def _ticket(self, request: Request, *, may_fall_back: bool = False) -> Ticket:
        now = self._clock.monotonic()
        return Ticket(request, now, self._stop, may_fall_back=may_fall_back)

    def _enqueue(self, ticket: Ticket) -> Ticket:
        self._live[ticket.request.source_key] = ticket
        self._queue.add(ticket)
        return ticket

    def _stop(self, ticket: Ticket) -> None:
        work = self._work.get(ticket)
        if self._queue.take_out(ticket):
            self._start(self._conclude(Draft(ticket, self._clock.now), None))
        elif work is not None:
            work.cancel()

    async def _serve(self, ticket: Ticket) -> None:
        """Get the answer in a task that can be cancelled, then end the request, which cannot be."""
        draft = Draft(ticket, self._clock.now)
        work = None
        if not (ticket.stopping or self._cutting):
            work = asyncio.create_task(self._answering.answer(draft))
            self._work[ticket] = work
            try:
                await asyncio.wait({work})
            finally:
                del self._work[ticket]
                work.cancel()
        await asyncio.shield(self._start(self._conclude(draft, work)))

    async def _conclude(
        self, draft: Draft, work: asyncio.Task[NewAnswer | NoAnswer] | None
    ) -> None:
        """The request's border: whatever happened, exactly one terminal event."""
        ticket = draft.ticket
        try:
            await self._end(draft, work)
        except Exception:  # noqa: BLE001 - it is logged, and the person hears of it
            _log.exception("request %d failed", ticket.request.id)
            if ticket.outcome is None:
                await self._endings.end(ticket, RequestState.FAILED, _BROKEN)
        finally:
            self._live.pop(ticket.request.source_key, None)
            for observer in self.observers:
                observer(ticket)

    async def _end(self, draft: Draft, work: asyncio.Task[NewAnswer | NoAnswer] | None) -> None:
        ticket = draft.ticket
        if work is not None and not work.cancelled():
            match work.result():
                case NoAnswer(state, message):
                    await self._endings.end(ticket, state, message)
                case NewAnswer() as answer:
                    self._learn(await self._endings.finish(ticket, answer))
        elif ticket.stopping:
            await self._endings.stop(ticket, draft.fragment(self.variants))
        else:
            await self._endings.park(ticket, served=True)

    def _learn(self, answer: Answer | None) -> None:
        if answer is not None:
            self._queue.service_time.add((answer.total_ms - answer.queue_ms) / 1000)

    def _cut_short(self, ticket: Ticket) -> None:
        self._cutting = True
        if (work := self._work.get(ticket)) is not None:
            work.cancel()

    async def _close(self, drain_s: float) -> None:
        async with self._admission:  # what is being stored comes in, nothing after it
            waiting = await self._queue.close(drain_s, self._cut_short)
        for ticket in waiting:
            await self._endings.park(ticket, served=False)
        last_writes = self._own - {asyncio.current_task()}
        if last_writes:
            await asyncio.wait(last_writes, timeout=_WRITE_LIMIT_S)
        self._closed.set()

    def _start(self, work: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        """Run `work` as a task of our own, which ends even if whoever waits for it is cancelled."""
        task = asyncio.create_task(work)
        self._own.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._own.discard(task)
        if not task.cancelled():
            task.exception()  # seen by whoever waits; without anybody it is no loss
