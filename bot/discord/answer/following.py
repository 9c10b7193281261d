"""Following a request's events and the worker's state, for whoever shows them."""

import asyncio

from bot.chat.events import (
    Delta,
    Ended,
    Event,
    Finished,
    Queued,
    Restarted,
    Retracted,
    Started,
    Thinking,
    Written,
)
from bot.chat.ticket import Ticket
from bot.discord import phrases
from bot.discord.answer.picture import RequestProgress
from bot.worker.status import StatusBoard


class Following:
    """Keeps `progress` up to date while `run` runs.

    `changed` is set at every event. `hurry` is set at events that should be seen at once: the
    end, and text while `awaits_text` is true. Whoever waits for them clears them.
    """

    def __init__(self, ticket: Ticket, board: StatusBoard, progress: RequestProgress) -> None:
        self.progress = progress
        self.changed = asyncio.Event()
        self.hurry = asyncio.Event()
        self.awaits_text = True
        self._ticket = ticket
        self._board = board
        self._queued: str | None = None
        self._restarted: str | None = None
        self._is_started = False

    async def run(self) -> None:
        """Follow the request to its end, and the worker's state until then."""
        worker = asyncio.create_task(self._follow_worker())
        try:
            async for event in self._ticket.events():
                self._take(event)
                self.changed.set()
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    async def ended(self) -> None:
        """Wait until the terminal event has been taken in; the ticket must have one."""
        while not isinstance(self.progress.outcome, Finished | Ended):
            self.changed.clear()
            await self.changed.wait()

    def explain(self, *, something_is_seen: bool) -> None:
        """Set the progress's note to why there is no text yet, or to None."""
        self.progress.note = self._note(something_is_seen)

    def _note(self, something_is_seen: bool) -> str | None:
        if (note := phrases.worker_note(self._board.current)) is not None:
            return note
        if not self._is_started:
            return self._queued
        if self._restarted is not None:
            return self._restarted
        if self.progress.thought:
            return phrases.THINKING
        return phrases.WRITING if something_is_seen else None

    def _take(self, event: Event) -> None:
        progress = self.progress
        match event:
            case Queued(_, position, estimate_s):
                self._queued = phrases.queued(position, estimate_s)
            case Started():
                self._is_started = True
            case Thinking():
                progress.thought = True
            case Delta(text):
                progress.text += text
                if self.awaits_text:
                    self.hurry.set()
            case Retracted():
                progress.text = ""
            case Restarted(reason):
                progress.earlier = max(progress.earlier, progress.text, key=len)
                progress.text = ""
                self._restarted = phrases.restarted(reason)
            case Written() | Finished() | Ended():
                progress.outcome = event
                self.hurry.set()

    async def _follow_worker(self) -> None:
        async for _ in self._board.follow():
            self.changed.set()
