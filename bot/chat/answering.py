"""Getting one answer out of the worker, whatever the worker does meanwhile."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import Enum, auto

from bot.chat.conversation import in_words, is_continuation, shrink
from bot.chat.draft import Draft
from bot.chat.persistence import Persistence
from bot.chat.variants import Variants
from bot.clock import Clock
from bot.config.settings import BotSettings
from bot.errors import VariantsUnknown, WorkerGone
from bot.worker.interface import AnswerSource, WorkerWatch
from bot.worker.link import UNUSABLE
from bot.worker.quarantine import Quarantine
from bot.worker.readiness import Readiness
from data.records import NewAnswer, RequestState, UnansweredState
from data.store.store import Store
from model.client import Done, ThoughtDelta
from model.errors import (
    ClientError,
    WorkerDied,
    WorkerLoading,
    WorkerRefused,
    WorkerUnavailable,
    WorkerUnusable,
)
from model.sampling import SamplingParams

MAX_ATTEMPTS = 2
EXPIRED = "Your message had waited too long, so I let it go. Please ask me again."
_BROKE_TWICE = "The model broke down twice over this message. Please try it in other words."
_TOO_LONG = "That message is too long for the model. Please shorten it."
_FILTERED = "My model's server keeps its answer to that back. Please ask in other words."
_REFUSED = "My model's server did not take that. My operator can see why in my log."
_PAUSE_S = 0.1  # between a failure and the next look at the worker, if it does not say
_LONGEST_PAUSE_S = 30.0
_NO_MONEY = "insufficient_quota"  # OpenAI's 429 that no waiting helps against
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is no answer: the state that the request ends in, and a line for the person."""

    state: UnansweredState
    message: str


class _Again(Enum):
    """The worker has to be asked once more, and as which attempt that counts."""

    SAME_ATTEMPT = auto()  # the worker never began on the last one
    NEW_ATTEMPT = auto()


class _StalledError(Exception):
    """The worker sent nothing for too long."""


class Answering:
    """Asks the worker until there is an answer or no sense in asking; any number at once.

    Publishes Started, Delta and Restarted through the draft; the terminal event is the caller's.
    """

    def __init__(
        self,
        store: Store,
        worker: AnswerSource,
        watch: WorkerWatch,
        variants: Variants,
        settings: BotSettings,
        clock: Clock,
        persistence: Persistence,
    ) -> None:
        self._store = store
        self._persistence = persistence
        self._worker = worker
        self._watch = watch
        self._variants = variants
        self._clock = clock
        self._readiness = Readiness(watch, clock, settings.worker_ready_timeout_s)
        self._stall_s = settings.worker_stall_s
        self._ttl_s = settings.request_ttl_s
        self._quarantine = Quarantine()
        self._open_in_thoughts = set[str]()  # variants whose template begins the thoughts itself

    async def answer(self, draft: Draft) -> NewAnswer | NoAnswer:
        """Return the whole answer to the draft's request, or why there is none.

        The request's row is left running, or waiting where the worker was never asked. Raises
        StoreError. Cancelling closes the stream, which frees the worker; the draft keeps what
        has come.
        """
        age = self._clock.now() - draft.ticket.request.created_at
        if age.total_seconds() > self._ttl_s:
            return NoAnswer(RequestState.EXPIRED, EXPIRED)
        try:
            return await self._attempts(draft)
        except WorkerGone as gone:
            return NoAnswer(RequestState.FAILED, str(gone))

    async def _attempts(self, draft: Draft) -> NewAnswer | NoAnswer:
        again, suspect = _Again.NEW_ATTEMPT, False
        while True:
            await self._readiness.wait(draft.ticket.accepted)
            async with self._quarantine.place(suspect=suspect):
                if again is _Again.NEW_ATTEMPT:
                    await self._begin(draft)
                outcome = await self._try(draft)
            if not isinstance(outcome, _Again):
                return outcome
            again = outcome
            suspect = suspect or again is _Again.NEW_ATTEMPT  # the worker died over it

    async def _begin(self, draft: Draft) -> None:
        """Count an attempt, in the store, before the worker hears of it.

        So a request that brings the worker or the bot down is not tried for ever.
        """
        ticket = draft.ticket
        number, write = ticket.request.id, self._persistence.write
        if ticket.request.state is RequestState.RUNNING:
            ticket.update(await write(lambda: self._store.requeue(number)))
        ticket.update(await write(lambda: self._store.mark_running(number)))
        draft.start()

    async def _try(self, draft: Draft) -> NewAnswer | NoAnswer | _Again:
        try:
            return await self._stream(draft)
        except (WorkerDied, _StalledError) as death:
            return self._after_death(draft, death)
        except (WorkerUnavailable, WorkerLoading) as absence:
            self._watch.report_unavailable(str(absence))
            return await self._after_absence(draft, absence)
        except WorkerRefused as refusal:
            return await self._after_refusal(draft, refusal)

    async def _stream(self, draft: Draft) -> NewAnswer:
        done: Done | None = None
        request = draft.ticket.request
        options = SamplingParams.model_validate(request.sampling, from_attributes=True)
        loop = asyncio.get_running_loop()
        limit = asyncio.timeout(self._stall_s)
        turns = in_words(request.turns) if draft.goes_on_in_words else request.turns
        draft.listen(presumed=draft.variant in self._open_in_thoughts)
        try:
            async with (
                limit,
                aclosing(self._worker.stream(turns, draft.variant, options)) as pieces,
            ):
                async for piece in pieces:
                    limit.reschedule(loop.time() + self._stall_s)
                    self._readiness.worked()
                    if isinstance(piece, Done):
                        done = piece
                    elif isinstance(piece, ThoughtDelta):
                        draft.think()
                    else:
                        draft.add(piece.text, piece.origin)
        except TimeoutError as error:
            if limit.expired():
                raise _StalledError(f"no text for {self._stall_s:g} s") from error
            raise
        if done is None:
            raise WorkerDied("the answer ended without its end")
        answer = draft.whole(done)
        if draft.opens_in_thoughts:
            self._open_in_thoughts.add(draft.variant)
        else:
            self._open_in_thoughts.discard(draft.variant)
        return answer

    def _after_death(self, draft: Draft, death: Exception) -> NoAnswer | _Again:
        """Try once more, unless this was the last attempt."""
        self._variants.forget()
        self._readiness.failed()
        if isinstance(death, _StalledError):
            self._watch.report_stall(str(death))
        else:
            self._watch.report_unavailable(str(death))
        request = draft.ticket.request
        _log.warning("request %d: the worker failed: %s", request.id, death)
        if request.attempts >= MAX_ATTEMPTS:
            return NoAnswer(RequestState.FAILED, _BROKE_TWICE)
        draft.restart("The model broke down in the middle. I start again.")
        return _Again.NEW_ATTEMPT

    async def _after_absence(self, draft: Draft, absence: ClientError) -> _Again:
        """Wait as long as the worker asks for, or a little, and ask again as the same attempt."""
        self._variants.forget()
        self._readiness.failed()
        if draft.ticket.text:
            draft.restart("The model went away. I start again.")
        pause = getattr(absence, "retry_after", None) or _PAUSE_S
        await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))
        return _Again.SAME_ATTEMPT

    async def _after_refusal(self, draft: Draft, refusal: WorkerRefused) -> NoAnswer | _Again:
        match refusal:
            case WorkerRefused(status=429) if refusal.code != _NO_MONEY:
                return await self._after_absence(draft, refusal)
            case WorkerRefused(code="context_length_exceeded"):
                return await self._ask_with_less(draft, refusal)
            case WorkerRefused(status=404):
                return await self._ask_another(draft)
            case WorkerRefused(is_of_form=True) if (
                is_continuation(draft.ticket.request.turns) and not draft.goes_on_in_words
            ):
                draft.goes_on_in_words = True  # this server cannot go on with its own turn
                return _Again.SAME_ATTEMPT
            case _:
                return self._give_up(draft, refusal)

    def _give_up(self, draft: Draft, refusal: WorkerRefused) -> NoAnswer:
        """Tell the person that it is refused, and the log why: a server's words are not for all."""
        _log.warning("request %d: the worker refused it: %s", draft.ticket.request.id, refusal)
        message = _FILTERED if refusal.code == "content_filter" else _REFUSED
        if isinstance(refusal, WorkerUnusable):
            self._watch.report_unavailable(str(refusal))
            message = UNUSABLE
        return NoAnswer(RequestState.FAILED, message)

    async def _ask_with_less(self, draft: Draft, refusal: WorkerRefused) -> NoAnswer | _Again:
        """Leave out the older half of the conversation, in the store too: it tells what was asked.

        Without an older half, the prompt alone is too long.
        """
        request = draft.ticket.request
        turns = shrink(request.turns)
        if turns is None:
            _log.warning("request %d is too long for the worker: %s", request.id, refusal)
            return NoAnswer(RequestState.FAILED, _TOO_LONG)
        await self._persistence.write(lambda: self._store.replace_turns(request.id, turns))
        draft.ticket.update(replace(request, turns=turns))
        return _Again.SAME_ATTEMPT

    async def _ask_another(self, draft: Draft) -> NoAnswer | _Again:
        """Ask the base instead, unless the missing variant was chosen by name."""
        self._variants.forget()
        missing = f"The model {draft.variant!r} is not there (any more)."
        try:
            names = [variant.name for variant in await self._variants.known()]
        except VariantsUnknown:
            return NoAnswer(RequestState.FAILED, missing)
        if draft.ticket.may_fall_back and names and names[0] != draft.variant:
            draft.fall_back(names[0])
            return _Again.SAME_ATTEMPT
        return NoAnswer(RequestState.FAILED, f"{missing} There are: {', '.join(names)}.")
