"""Waits for the worker, with one time limit for a whole outage."""

import asyncio

from bot.clock import Clock
from bot.errors import WorkerGone
from bot.worker.interface import WorkerWatch

_NEVER_READY = "The model did not get ready in time. Please ask me again later."


class Readiness:
    """Lets an answer begin when the worker is ready.

    An outage begins with `failed` and ends with `worked`: a worker that says that it is ready and
    then fails again does not start the limit of `limit_s` seconds anew.
    """

    def __init__(self, watch: WorkerWatch, clock: Clock, limit_s: float) -> None:
        self._watch = watch
        self._clock = clock
        self._limit_s = limit_s
        self._down_since: float | None = None

    async def wait(self, accepted: float) -> None:
        """Return once the worker is ready.

        `accepted` is when the request came, in seconds of the monotonic clock. Raises WorkerGone
        when the outage has lasted `limit_s` seconds since then, or will not end.
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
        """Note that the worker could not be asked."""
        if self._down_since is None:
            self._down_since = self._clock.monotonic()

    def worked(self) -> None:
        """Note that the worker answers."""
        self._down_since = None
