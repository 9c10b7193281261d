"""Getting one answer out of the worker, whatever the worker does meanwhile."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import Enum, auto

from bot.chat.conversation import shrink
from bot.chat.endings import Unanswered, elapsed_ms
from bot.chat.events import Delta, Restarted, Started
from bot.chat.ticket import Ticket
from bot.chat.variants import Variants
from bot.clock import Clock
from bot.config.settings import BotSettings
from bot.errors import VariantsUnknown, WorkerGone
from bot.text import clean_text
from bot.worker.interface import AnswerSource, WorkerWatch
from bot.worker.readiness import Readiness
from data.records import NewAnswer, RequestState
from data.store.store import Store
from model.client import Done
from model.errors import ClientError, WorkerDied, WorkerLoading, WorkerRefused, WorkerUnavailable
from model.sampling import SamplingParams

MAX_ATTEMPTS = 2
_PAUSE_S = 0.1  # between a failure and the next look at the worker, if it does not say
_LONGEST_PAUSE_S = 30.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer: the state to end in, and a line for the person."""

    state: Unanswered
    message: str


class _Again(Enum):
    """The worker has to be asked once more."""

    SAME_ATTEMPT = auto()  # it did not really begin
    NEW_ATTEMPT = auto()


class _StalledError(Exception):
    """The worker sent nothing for too long."""


class Answering:
    """Asks the worker until there is an answer or no sense in asking; any number at once.

    Publishes Started, Delta and Restarted; the last word is the caller's.
    """

    def __init__(
        self,
        store: Store,
        worker: AnswerSource,
        watch: WorkerWatch,
        variants: Variants,
        settings: BotSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._worker = worker
        self._watch = watch
        self._variants = variants
        self._clock = clock
        self._readiness = Readiness(watch, clock, settings.worker_ready_timeout_s)
        self._stall_s = settings.worker_stall_s
        self._ttl_s = settings.request_ttl_s

    async def answer(self, ticket: Ticket) -> NewAnswer | Failure:
        """The whole answer, or why there is none; the request is running or still waiting then.

        May raise StoreError. Cancelling closes the stream, which frees the worker.
        """
        age = self._clock.now() - ticket.request.created_at
        if age.total_seconds() > self._ttl_s:
            return Failure(RequestState.EXPIRED, EXPIRED)
        try:
            return await self._settle(ticket)
        except WorkerGone as gone:
            return Failure(RequestState.FAILED, str(gone))

    async def _settle(self, ticket: Ticket) -> NewAnswer | Failure:
        again = _Again.NEW_ATTEMPT
        while True:
            await self._readiness.wait(ticket.accepted)
            if again is _Again.NEW_ATTEMPT:
                await self._begin(ticket)
            outcome = await self._try(ticket)
            if not isinstance(outcome, _Again):
                return outcome
            again = outcome

    async def _begin(self, ticket: Ticket) -> None:
        """Count an attempt, in the store, before the worker hears of it.

        So a request that brings the worker or the bot down is not tried for ever.
        """
        if ticket.request.state is RequestState.RUNNING:
            await self._store.requeue(ticket.request.id)
        ticket.request = await self._store.mark_running(ticket.request.id)
        if not ticket.started:
            ticket.started = True
            ticket.queue_ms = elapsed_ms(ticket.request.created_at, self._clock.now())
            ticket.publish(Started(ticket.request.id))

    async def _try(self, ticket: Ticket) -> NewAnswer | Failure | _Again:
        try:
            return await self._stream(ticket)
        except (WorkerDied, _StalledError) as death:
            return self._after_death(ticket, death)
        except (WorkerUnavailable, WorkerLoading) as absence:
            self._watch.report_unavailable(str(absence))
            return await self._after_absence(ticket, absence)
        except WorkerRefused as refusal:
            return await self._after_refusal(ticket, refusal)

    async def _stream(self, ticket: Ticket) -> NewAnswer:
        done: Done | None = None
        options = SamplingParams.model_validate(ticket.request.sampling, from_attributes=True)
        loop = asyncio.get_running_loop()
        limit = asyncio.timeout(self._stall_s)
        try:
            async with (
                limit,
                aclosing(self._worker.stream(ticket.turns, ticket.variant, options)) as pieces,
            ):
                async for piece in pieces:
                    limit.reschedule(loop.time() + self._stall_s)
                    self._readiness.worked()
                    if isinstance(piece, Done):
                        done = piece
                    elif text := clean_text(piece.text):
                        ticket.origin = piece.origin
                        self._add(ticket, text)
        except TimeoutError as error:
            if limit.expired():
                raise _StalledError(f"no text for {self._stall_s:g} s") from error
            raise
        if done is None:
            raise WorkerDied("the answer ended without its end")
        return self._draft(ticket, done)

    def _add(self, ticket: Ticket, text: str) -> None:
        if ticket.first_token_ms is None:
            ticket.first_token_ms = elapsed_ms(ticket.request.created_at, self._clock.now())
        ticket.publish(Delta(text))

    def _draft(self, ticket: Ticket, done: Done) -> NewAnswer:
        return NewAnswer(
            text=ticket.text,
            variant=ticket.variant,
            adapter_hash=done.adapter_hash,
            model_id=done.model_id,
            finish_reason=done.finish_reason,
            prompt_tokens=done.prompt_tokens,
            completion_tokens=done.completion_tokens,
            queue_ms=ticket.queue_ms,
            first_token_ms=ticket.first_token_ms,
            total_ms=elapsed_ms(ticket.request.created_at, self._clock.now()),
        )

    def _after_death(self, ticket: Ticket, death: Exception) -> Failure | _Again:
        """One more attempt, unless this was the last."""
        self._variants.forget()
        self._readiness.failed()
        if isinstance(death, _StalledError):
            self._watch.report_stall(str(death))
        else:
            self._watch.report_unavailable(str(death))
        _log.warning("request %d: the worker failed: %s", ticket.request.id, death)
        if ticket.request.attempts >= MAX_ATTEMPTS:
            return Failure(RequestState.FAILED, BROKE_TWICE)
        ticket.publish(Restarted("The model broke down in the middle. I start again."))
        return _Again.NEW_ATTEMPT

    async def _after_absence(self, ticket: Ticket, absence: ClientError) -> _Again:
        """Wait a little; the request has not been tried."""
        self._variants.forget()
        self._readiness.failed()
        if ticket.text:
            ticket.publish(Restarted("The model went away. I start again."))
        pause = getattr(absence, "retry_after", None) or _PAUSE_S
        await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))
        return _Again.SAME_ATTEMPT

    async def _after_refusal(self, ticket: Ticket, refusal: WorkerRefused) -> Failure | _Again:
        match refusal:
            case WorkerRefused(status=429):
                return await self._after_absence(ticket, refusal)
            case WorkerRefused(code="context_length_exceeded"):
                return await self._ask_with_less(ticket)
            case WorkerRefused(status=404):
                return await self._ask_another(ticket)
            case _:
                _log.warning("request %d: the worker refused it: %s", ticket.request.id, refusal)
                return Failure(RequestState.FAILED, f"The model refused that: {refusal.message}")

    async def _ask_with_less(self, ticket: Ticket) -> Failure | _Again:
        """Forget the older half of the conversation; what is really asked is what is stored."""
        turns = shrink(ticket.turns)
        if turns is None:
            return Failure(RequestState.FAILED, TOO_LONG)
        ticket.turns = turns
        await self._store.replace_turns(ticket.request.id, turns)
        ticket.request = replace(ticket.request, turns=turns)
        return _Again.SAME_ATTEMPT

    async def _ask_another(self, ticket: Ticket) -> Failure | _Again:
        """The base, if nobody asked for the missing variant by name."""
        self._variants.forget()
        missing = f"The model {ticket.variant!r} is not there (any more)."
        try:
            names = [variant.name for variant in await self._variants.known()]
        except VariantsUnknown:
            return Failure(RequestState.FAILED, missing)
        if ticket.may_fall_back and names and names[0] != ticket.variant:
            ticket.variant = names[0]
            return _Again.SAME_ATTEMPT
        return Failure(RequestState.FAILED, f"{missing} There are: {', '.join(names)}.")


EXPIRED = "Your message had waited too long, so I let it go. Please ask me again."
BROKE_TWICE = "The model broke down twice over this message. Please try it in other words."
TOO_LONG = "That message is too long for the model. Please shorten it."
