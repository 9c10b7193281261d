"""Following a request's events and the worker's state, for whoever shows them."""

import asyncio

from bot.chat.events import Delta, Ended, Finished, Queued, Restarted, Started
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
        return phrases.WRITING if something_is_seen else None

    def _take(self, event: Queued | Started | Delta | Restarted | Finished | Ended) -> None:
        match event:
            case Queued(_, position, estimate_s):
                self._queued = phrases.queued(position, estimate_s)
            case Started():
                self._is_started = True
            case Delta(text):
                self.progress.text += text
                if self.awaits_text:
                    self.hurry.set()
            case Restarted(reason):
                self.progress.text = ""
                self._restarted = phrases.restarted(reason)
            case Finished() | Ended():
                self.progress.outcome = event
                self.hurry.set()

    async def _follow_worker(self) -> None:
        async for _ in self._board.follow():
            self.changed.set()
