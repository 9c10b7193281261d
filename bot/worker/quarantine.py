"""Who may be at the worker together: suspects of having brought it down go there alone."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager


class Quarantine:
    """Places at the worker, for requests of one event loop.

    When the worker dies, any of the requests that it was answering may be the cause. Each of them
    then takes its next place alone, so that the one that brings the worker down again takes no
    other with it. A suspect waits for those that are there; newcomers wait for the suspects.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._alone = False  # whether the one inside is a suspect
        self._suspects = 0  # that wait
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def place(self, *, suspect: bool) -> AsyncGenerator[None]:
        """Wait for a place and hold it for the block; a suspect is alone in it."""
        if suspect:
            self._suspects += 1
            try:
                await self._until(lambda: self._inside == 0)
            finally:
                self._suspects -= 1
                self._changed.set()
        else:
            await self._until(lambda: not self._alone and self._suspects == 0)
        self._inside += 1
        self._alone = suspect
        try:
            yield
        finally:
            self._inside -= 1
            self._alone = False
            self._changed.set()

    async def _until(self, free: Callable[[], bool]) -> None:
        while not free():
            self._changed.clear()
            await self._changed.wait()
