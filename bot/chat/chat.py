"""The chat turn without a front end: an ask goes in, events come out, an answer is stored."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection

from bot.chat.answering import Answering, NoAnswer
from bot.chat.draft import Draft
from bot.chat.endings import BROKEN, Endings
from bot.chat.events import Ask
from bot.chat.intake import Intake
from bot.chat.own_tasks import OwnTasks
from bot.chat.persistence import Persistence
from bot.chat.queueing.open_tickets import OpenTickets
from bot.chat.queueing.queue import Load, RequestQueue
from bot.chat.resumption import Resumption
from bot.chat.rewording import Rewording
from bot.chat.ticket import Ticket
from bot.chat.variants import Variants
from bot.clock import SYSTEM_CLOCK, Clock
from bot.config.settings import BotSettings
from bot.errors import ShuttingDown, UserError
from bot.worker.interface import AnswerSource, WorkerWatch
from data.records import Answer, NewAnswer, Request, RequestState
from data.store.store import Store

_log = logging.getLogger(__name__)
_WRITE_LIMIT_S = 10.0  # for the last writes when the bot stops


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
        self._persistence = Persistence()
        self._answering = Answering(
            store, worker, watch, self.variants, settings, clock, self._persistence
        )
        self._endings = Endings(store, clock, self._persistence)
        self._rewording = Rewording(store, self._intake)
        self._queue = RequestQueue(settings, self._serve)
        self._live: dict[str, Ticket] = {}  # by source key, until the end is stored
        self.resumption = Resumption(
            store, self._endings, settings, clock, self._live, self._ticket, self._enqueue
        )
        self.open_tickets = OpenTickets(self._live, self.resumption.kept)
        self._work: dict[Ticket, asyncio.Task[NewAnswer | NoAnswer]] = {}
        self._own = OwnTasks()
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
        return await asyncio.shield(self._own.start(self._admit(ask)))

    def unfinished_of(self, user_id: str) -> list[Ticket]:
        """The tickets of a person's requests that wait or run."""
        return self.open_tickets.of(user_id)

    async def reword(self, ticket: Ticket, asking: Callable[[], Awaitable[Ask]]) -> bool:
        """Answer what `asking()` gives in place of what was asked; false if it has ended.

        From this call on the old words are not answered any more; what was written so far is
        dropped. The request keeps its place in the queue, its variant and its seed. Raises what
        `asking` raises, EmptyPrompt, PromptTooLong or StoreError; the old words count again then.
        """
        self._interrupt(ticket)
        return await self._rewording.reword(ticket, asking)

    async def resume(
        self, front_ends: Collection[str] | None = None, *, hold: bool = False
    ) -> list[Ticket]:
        """Take up the requests that an earlier process left; return their tickets, oldest first.

        With `front_ends`, only requests that were asked through these: the others go on waiting
        until their own front end runs again. See Resumption, also for `hold`.
        """
        async with self._admission:
            return await self.resumption.resume(front_ends, hold=hold)

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
            self._closing = self._own.start(self._close(limit))
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
                return await self.resumption.known(earlier)
            request, is_new = await self._store.add_request(new)
            if not is_new:
                return await self.resumption.known(request)
            return self._enqueue(self._ticket(request, may_fall_back=ask.variant is None))

    def _check(self, user_id: str) -> None:
        if self._closing is not None:
            raise ShuttingDown
        self._queue.check(user_id)

    def _ticket(self, request: Request, *, may_fall_back: bool = False) -> Ticket:
        now = self._clock.monotonic()
        return Ticket(request, now, self._stop, may_fall_back=may_fall_back)

    def _enqueue(self, ticket: Ticket) -> Ticket:
        self._live[ticket.request.source_key] = ticket
        self._queue.add(ticket)
        if ticket.stopping:  # somebody did not want it any more while it was held
            self._stop(ticket)
        return ticket

    def _stop(self, ticket: Ticket) -> None:
        if self._queue.take_out(ticket):
            self._own.start(self._conclude(Draft(ticket, self._clock.now), None))
        else:
            self._interrupt(ticket)

    async def _serve(self, ticket: Ticket) -> None:
        """Get the answer in a task that can be cancelled, then end the request, which cannot be."""
        draft = Draft(ticket, self._clock.now)
        work = None
        await self._rewording.released(ticket)
        while not (ticket.stopping or self._cutting):
            work = asyncio.create_task(self._answering.answer(draft))
            self._work[ticket] = work
            try:
                await asyncio.wait({work})
            finally:
                del self._work[ticket]
                work.cancel()
            if not work.cancelled() or ticket.stopping or self._cutting:
                break  # otherwise it was cancelled because the question changes
            await self._rewording.begin_again(draft)
        concluding = self._own.start(self._conclude(draft, work))
        settled = asyncio.create_task(ticket.settled())
        try:  # a store that cannot write just now shall not keep the worker from others
            await asyncio.wait({concluding, settled}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            settled.cancel()

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
                await self._endings.end(ticket, RequestState.FAILED, BROKEN)
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
                    self._learn(
                        await self._endings.store_answer(ticket, answer, RequestState.FINISHED)
                    )
        elif ticket.stopping:
            fragment = None if ticket.withdrawn else draft.fragment(self.variants)
            await self._endings.stop(ticket, fragment)
        else:
            await self._endings.park(ticket, served=True)

    def _learn(self, answer: Answer | None) -> None:
        if answer is not None:
            self._queue.service_time.add((answer.total_ms - answer.queue_ms) / 1000)

    def _cut_short(self, ticket: Ticket) -> None:
        self._cutting = True
        self._interrupt(ticket)

    def _interrupt(self, ticket: Ticket) -> None:
        if (work := self._work.get(ticket)) is not None:
            work.cancel()

    async def _close(self, drain_s: float) -> None:
        async with self._admission:  # what is being stored comes in, nothing after it
            waiting = await self._queue.close(drain_s, self._cut_short)
        for ticket in [*waiting, *self.resumption.give_up()]:
            await self._endings.park(ticket, served=False)
        self._persistence.leave()
        await self._own.others(_WRITE_LIMIT_S)
        self._closed.set()
