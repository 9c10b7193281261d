"""How a request ends: written to the store, then published as its terminal event."""

import logging
from dataclasses import replace

from bot.chat.events import Ended, Finished
from bot.chat.ticket import Ticket
from bot.clock import Clock
from data.errors import StoreConflict, StoreError
from data.records import Answer, AnsweredState, NewAnswer, RequestState, UnansweredState
from data.store.store import Store

_log = logging.getLogger(__name__)
_UNSAVED = "I could not write to my database, so this answer is not kept. Please tell my operator."
_STOPPED = "Stopped."
_PARKED = "I am going to sleep now and will answer this when I am back."


class Endings:
    """Ends requests: each method writes to the store, then publishes one terminal event.

    The event comes even if the store fails; the next start takes the request up again then.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def finish(self, ticket: Ticket, answer: NewAnswer) -> Answer | None:
        """End with a whole answer; return it as stored, or None if it could not be stored."""
        return await self._store_answer(ticket, answer, RequestState.FINISHED)

    async def stop(self, ticket: Ticket, fragment: NewAnswer | None) -> None:
        """End because the asker wants it, with the answer that was cut off, if there is one."""
        if fragment is not None:
            await self._store_answer(ticket, fragment, RequestState.STOPPED)
        else:
            await self.end(ticket, RequestState.STOPPED, _STOPPED)

    async def end(self, ticket: Ticket, state: UnansweredState, message: str) -> None:
        """End without an answer; `message` is a line for the person."""
        try:
            await self._store.end(ticket.request.id, state, message)
        except StoreError:
            _log.exception("request %d could not be ended as %s", ticket.request.id, state)
        now = self._clock.now()
        ticket.update(replace(ticket.request, state=state, ended_at=now, error=message))
        ticket.publish(Ended(state, message))

    async def park(self, ticket: Ticket, *, served: bool) -> None:
        """End with Ended(WAITING): the next start answers the request, from its beginning.

        `served` says that the request was running, so that its row has to be put back to wait.
        """
        if served:
            try:
                await self._store.requeue(ticket.request.id)
            except StoreConflict:
                pass  # it was cut short before its row said running: it waits already
            except StoreError:
                _log.exception("request %d could not be parked", ticket.request.id)
        ticket.update(replace(ticket.request, state=RequestState.WAITING))
        ticket.publish(Ended(RequestState.WAITING, _PARKED))

    async def _store_answer(
        self, ticket: Ticket, new: NewAnswer, state: AnsweredState
    ) -> Answer | None:
        try:
            answer = await self._store.finish(ticket.request.id, new, state)
        except StoreError:
            _log.exception("the answer to request %d could not be stored", ticket.request.id)
            ticket.publish(Ended(RequestState.FAILED, _UNSAVED))
            return None
        ticket.update(replace(ticket.request, state=state, ended_at=answer.created_at))
        ticket.publish(Finished(answer, ticket.request))
        return answer
