"""Waiting for the worker, with one limit for a whole outage however often it seems to be over."""

import asyncio

from bot.clock import Clock
from bot.errors import WorkerGone
from bot.worker.interface import WorkerWatch

_NEVER_READY = "The model did not get ready in time. Please ask me again later."


class Readiness:
    """Gates the answers. An outage ends when a worker has answered, not when it says it is up."""

    def __init__(self, watch: WorkerWatch, clock: Clock, limit_s: float) -> None:
        self._watch = watch
        self._clock = clock
        self._limit_s = limit_s
        self._down_since: float | None = None

    async def wait(self, accepted: float) -> None:
        """Return once the worker is up; `accepted` is when (monotonic) the request came.

        Raises WorkerGone when that takes `limit_s` seconds of the outage, or has no sense.
        """
        now = self._clock.monotonic()
        since = now if self._down_since is None else max(self._down_since, accepted)
        left = since + self._limit_s - now
        if left <= 0:
            raise WorkerGone(_NEVER_READY)
        try:
            async with asyncio.timeout(left):
                await self._watch.wait_ready()
        except TimeoutError as error:
            raise WorkerGone(_NEVER_READY) from error

    def failed(self) -> None:
        """The worker could not be asked."""
        if self._down_since is None:
            self._down_since = self._clock.monotonic()

    def worked(self) -> None:
        """The worker answers."""
        self._down_since = None
