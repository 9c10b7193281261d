"""How a request ends: written to the store, then published as its terminal event."""

import logging
from dataclasses import replace

from bot.chat.events import Ended, Finished, Written
from bot.chat.persistence import Persistence
from bot.chat.ticket import Ticket
from bot.clock import Clock
from data.errors import StoreConflict, StoreError
from data.records import Answer, AnsweredState, NewAnswer, RequestState, UnansweredState
from data.store.store import Store

BROKEN = "Something went wrong on my side. Please try again; my operator finds it in the log."
_log = logging.getLogger(__name__)
_UNSAVED = "I could not write this answer down, so it is not kept. Please tell my operator."
_STOPPED = "Stopped."
_PARKED = "I am going to sleep now and will answer this when I am back."


class Endings:
    """Ends requests: each method writes to the store, and publishes one terminal event.

    What the store cannot write just now is tried again for a while, and people are told at once:
    by Written for an answer, by the terminal event itself where there is none. In the end the
    event comes even if the store fails; the row says then that the request runs.
    """

    def __init__(self, store: Store, clock: Clock, persistence: Persistence) -> None:
        self._store = store
        self._clock = clock
        self._persistence = persistence

    async def stop(self, ticket: Ticket, fragment: NewAnswer | None) -> None:
        """End because the asker wants it, with the answer that was cut off, if there is one."""
        if fragment is not None:
            await self.store_answer(ticket, fragment, RequestState.STOPPED)
        else:
            await self.end(ticket, RequestState.STOPPED, _STOPPED)

    async def end(self, ticket: Ticket, state: UnansweredState, message: str) -> None:
        """End without an answer; `message` is a line for the person."""

        def tell(_failure: StoreError | None = None) -> None:
            if ticket.outcome is None:
                now = self._clock.now()
                ticket.update(replace(ticket.request, state=state, ended_at=now, error=message))
                ticket.publish(Ended(state, message))

        try:
            await self._persistence.write(
                lambda: self._store.end(ticket.request.id, state, message), tell
            )
        except StoreError as error:
            number = ticket.request.id
            _log.error("request %d could not be ended as %s: %s", number, state, error)
        tell()

    async def park(self, ticket: Ticket, *, served: bool) -> None:
        """End with Ended(WAITING): the next start answers the request, from its beginning.

        `served` says that the request was running, so that its row has to be put back to wait.
        """
        if served:
            try:
                await self._store.requeue(ticket.request.id)
            except StoreConflict:
                pass  # it was cut short before its row said running: it waits already
            except StoreError as error:
                _log.error("request %d could not be parked: %s", ticket.request.id, error)
        ticket.update(replace(ticket.request, state=RequestState.WAITING))
        ticket.publish(Ended(RequestState.WAITING, _PARKED))

    async def store_answer(
        self, ticket: Ticket, new: NewAnswer, state: AnsweredState
    ) -> Answer | None:
        """End with an answer; return it as stored, or None if it could not be stored."""

        def tell(failure: StoreError) -> None:
            _log.error("request %d: its answer is not stored yet: %s", ticket.request.id, failure)
            ticket.publish(Written(new, state))

        try:
            answer = await self._persistence.write(
                lambda: self._store.finish(ticket.request.id, new, state), tell
            )
        except StoreError as error:
            _log.error("the answer to request %d is not kept: %s", ticket.request.id, error)
            ticket.publish(Ended(RequestState.FAILED, _UNSAVED, new))
            return None
        ticket.update(replace(ticket.request, state=state, ended_at=answer.created_at))
        ticket.publish(Finished(answer, ticket.request))
        return answer
