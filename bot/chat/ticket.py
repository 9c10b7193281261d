"""One accepted request as its asker sees it: its events, and a way to stop it."""

import asyncio
from collections.abc import AsyncIterator, Callable

from bot.chat.events import (
    Delta,
    Ended,
    Event,
    Finished,
    Queued,
    Restarted,
    Retracted,
    Started,
    Written,
)
from data.records import Request


class Ticket:
    """The handle on one request, to be read by any number of readers.

    Whoever made it, for a live request the chat, writes to it through `publish` and `update`
    alone. `stop` is called with the ticket whenever the asker wants the end.
    """

    def __init__(
        self,
        request: Request,
        accepted: float = 0.0,
        stop: Callable[["Ticket"], None] | None = None,
        *,
        may_fall_back: bool = False,
    ) -> None:
        self._request = request
        self._accepted = accepted
        self._may_fall_back = may_fall_back
        self._stop = stop
        self._started = False
        self._stopping = False
        self._withdrawn = False
        self._pieces: list[str] = []
        self._log: list[Event] = []
        self._more = asyncio.Event()

    @property
    def request(self) -> Request:
        """The newest record of the request."""
        return self._request

    @property
    def accepted(self) -> float:
        """When the request was taken, in seconds of the chat's monotonic clock."""
        return self._accepted

    @property
    def may_fall_back(self) -> bool:
        """Whether another variant may answer where the request's own is missing."""
        return self._may_fall_back

    @property
    def started(self) -> bool:
        """Whether the worker has been asked."""
        return self._started

    @property
    def stopping(self) -> bool:
        """Whether the asker wants the end."""
        return self._stopping

    @property
    def withdrawn(self) -> bool:
        """Whether the question was taken back, so that nothing of its answer is wanted."""
        return self._withdrawn

    @property
    def text(self) -> str:
        """The answer so far, without thoughts; empty after a restart."""
        return "".join(self._pieces)

    @property
    def outcome(self) -> Finished | Ended | None:
        """The terminal event; None as long as the request goes on."""
        last = self._last
        return last if isinstance(last, Finished | Ended) else None

    @property
    def last_queued(self) -> Queued | None:
        """The position that was published last; None once anything else was published after it."""
        last = self._last
        return last if isinstance(last, Queued) else None

    async def events(self) -> AsyncIterator[Event]:
        """Yield every event from the first on, then those to come, up to Finished or Ended.

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
        """Wait for the terminal event and return it. The caller sets the time limit."""
        while (outcome := self.outcome) is None:
            await self._more.wait()
        return outcome

    async def settled(self) -> None:
        """Wait until no more text can come: for Written or the terminal event."""
        while not isinstance(self._last, Written | Finished | Ended):
            await self._more.wait()

    def stop(self) -> None:
        """Ask for the end; the terminal event follows. A request that has ended stays as it is.

        With text already there it is Finished, with that text stored and `request.state` STOPPED;
        without, it is Ended with STOPPED.
        """
        if self._stop is not None and self.outcome is None:
            self._stopping = True
            self._stop(self)

    def withdraw(self) -> None:
        """Take the question back: the end is asked for as in `stop`, and no text is stored.

        It may come after the end, too; then it is only noted.
        """
        self._withdrawn = True
        self.stop()

    def publish(self, event: Event) -> None:
        """Append an event and wake the readers; raises RuntimeError after the terminal event."""
        if self.outcome is not None:
            raise RuntimeError(f"request {self.request.id} has ended, {event!r} comes too late")
        if isinstance(event, Delta):
            self._pieces.append(event.text)
        elif isinstance(event, Restarted | Retracted):
            self._pieces.clear()
        elif isinstance(event, Started):
            self._started = True
        self._log.append(event)
        self._more.set()
        self._more = asyncio.Event()

    def update(self, request: Request) -> None:
        """Replace the record of the request by a newer one."""
        self._request = request

    @property
    def _last(self) -> Event | None:
        return self._log[-1] if self._log else None
