"""The last word on a request: written to the store, then published. Each exactly once."""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Literal

from bot.chat.events import Ended, Finished
from bot.chat.ticket import Ticket
from bot.chat.variants import Variants
from bot.clock import Clock
from data.errors import StoreConflict, StoreError
from data.records import Answer, NewAnswer, RequestState
from data.store.store import Store

Unanswered = Literal[RequestState.STOPPED, RequestState.EXPIRED, RequestState.FAILED]
_Answered = Literal[RequestState.FINISHED, RequestState.STOPPED]
_log = logging.getLogger(__name__)
_UNSAVED = "I could not write to my database, so this answer is not kept. Please tell my operator."
_STOPPED = "Stopped."
_PARKED = "I am going to sleep now and will answer this when I am back."


def elapsed_ms(since: datetime, until: datetime) -> int:
    """Whole milliseconds between two moments, never negative: wall clocks can be set back."""
    return max(0, round((until - since).total_seconds() * 1000))


class Endings:
    """Ends requests. A store that fails leaves the row for the next start to take up."""

    def __init__(self, store: Store, variants: Variants, clock: Clock) -> None:
        self._store = store
        self._variants = variants
        self._clock = clock

    async def finish(self, ticket: Ticket, draft: NewAnswer) -> Answer | None:
        """Store the whole answer and publish it; None if it could not be stored."""
        return await self._store_answer(ticket, draft, RequestState.FINISHED)

    async def stop(self, ticket: Ticket) -> None:
        """End at the asker's wish; text that is already there becomes a short answer."""
        if ticket.text.strip():
            await self._store_answer(ticket, self._fragment(ticket), RequestState.STOPPED)
        else:
            await self.end(ticket, RequestState.STOPPED, _STOPPED)

    async def end(self, ticket: Ticket, state: Unanswered, message: str) -> None:
        """End without an answer, with a line for the person."""
        try:
            await self._store.end(ticket.request.id, state, message)
        except StoreError:
            _log.exception("request %d could not be ended as %s", ticket.request.id, state)
        ticket.request = replace(
            ticket.request, state=state, ended_at=self._clock.now(), error=message
        )
        ticket.publish(Ended(state, message))

    async def park(self, ticket: Ticket, *, served: bool) -> None:
        """Leave the request to the next start; the text so far is void.

        `served` requests are put back to wait. One whose row is not running (it was cut short
        before) waits already.
        """
        if served:
            try:
                await self._store.requeue(ticket.request.id)
            except StoreConflict:
                pass
            except StoreError:
                _log.exception("request %d could not be parked", ticket.request.id)
        ticket.request = replace(ticket.request, state=RequestState.WAITING)
        ticket.publish(Ended(RequestState.WAITING, _PARKED))

    async def _store_answer(
        self, ticket: Ticket, draft: NewAnswer, state: _Answered
    ) -> Answer | None:
        try:
            answer = await self._store.finish(ticket.request.id, draft, state)
        except StoreError:
            _log.exception("the answer to request %d could not be stored", ticket.request.id)
            ticket.publish(Ended(RequestState.FAILED, _UNSAVED))
            return None
        ticket.request = replace(ticket.request, state=state, ended_at=answer.created_at)
        ticket.publish(Finished(answer, ticket.request))
        return answer

    def _fragment(self, ticket: Ticket) -> NewAnswer:
        """The answer so far; its token counts are unknown, the worker tells them at the end."""
        request = ticket.request
        # The worker said it when the answer began; the list of variants may be newer or older.
        origin = ticket.origin or self._variants.remembered(ticket.variant)
        return NewAnswer(
            text=ticket.text,
            variant=ticket.variant,
            adapter_hash=origin.adapter_hash if origin else None,
            model_id=origin.model_id if origin else "unknown",
            finish_reason="abort",
            prompt_tokens=None,
            completion_tokens=None,
            queue_ms=ticket.queue_ms,
            first_token_ms=ticket.first_token_ms,
            total_ms=elapsed_ms(request.created_at, self._clock.now()),
        )
