"""One accepted request as its asker sees it: its events, and a way to stop it."""

import asyncio
from collections.abc import AsyncIterator, Callable

from bot.chat.events import Delta, Ended, Event, Finished, Queued, Restarted
from data.records import Request
from model.client import Origin


class Ticket:
    """The handle on one request. `request` is its newest record; `text` the answer so far.

    For the chat's own use: `accepted` is when it came (monotonic seconds); `turns` and `variant`
    are what is really asked of the worker, `may_fall_back` that nobody chose the variant by name;
    `stopping` that its asker wants the end; `queue_ms` and `first_token_ms` count from acceptance;
    `origin` is what the text so far comes from, where the worker says it.
    """

    def __init__(
        self,
        request: Request,
        accepted: float = 0.0,
        stop: Callable[["Ticket"], None] | None = None,
        *,
        may_fall_back: bool = False,
    ) -> None:
        self.request = request
        self.accepted = accepted
        self.turns = request.turns
        self.variant = request.variant
        self.may_fall_back = may_fall_back
        self.started = False
        self.stopping = False
        self.queue_ms = 0
        self.first_token_ms: int | None = None
        self.origin: Origin | None = None
        self._pieces: list[str] = []
        self._log: list[Event] = []
        self._more = asyncio.Event()
        self._stop = stop

    @property
    def text(self) -> str:
        """The answer so far; empty after a restart."""
        return "".join(self._pieces)

    @property
    def outcome(self) -> Finished | Ended | None:
        """The terminal event, None as long as the request goes on."""
        last = self._log[-1] if self._log else None
        return last if isinstance(last, Finished | Ended) else None

    async def events(self) -> AsyncIterator[Event]:
        """Every event from the first on, then those to come; ends after Finished or Ended.

        Any number of readers may come at any time, each with its own pace. Giving up reading
        does not stop the request.
        """
        position = 0
        while True:
            while position < len(self._log):
                event = self._log[position]
                position += 1
                yield event
                if isinstance(event, Finished | Ended):
                    return
            await self._more.wait()

    async def result(self) -> Finished | Ended:
        """Wait for the terminal event. The caller sets the time limit."""
        while (outcome := self.outcome) is None:
            await self._more.wait()
        return outcome

    def stop(self) -> None:
        """Ask for the end. The terminal event follows; a request that has ended stays as it is.

        With text already there: Finished, with the text stored and `request.state` STOPPED.
        Without: Ended with STOPPED.
        """
        if self._stop is not None and self.outcome is None:
            self._stop(self)

    def publish(self, event: Event) -> None:
        """Append an event and wake the readers. Only the chat calls this; never after the end."""
        if self.outcome is not None:
            raise RuntimeError(f"request {self.request.id} has ended, {event!r} comes too late")
        if isinstance(event, Delta):
            self._pieces.append(event.text)
        elif isinstance(event, Restarted):
            self._pieces.clear()
            self.first_token_ms = None
        self._log.append(event)
        self._more.set()
        self._more = asyncio.Event()

    @property
    def last_queued(self) -> Queued | None:
        """The position sent last, if nothing came after it."""
        last = self._log[-1] if self._log else None
        return last if isinstance(last, Queued) else None
