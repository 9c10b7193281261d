"""A worker that somebody else runs (`WORKER_URL`): the bot only watches its health."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bot.worker.health import HealthLimits
from bot.worker.link import WorkerLink
from bot.worker.status import WorkerPhase, WorkerStatus
from model.client import WorkerClient

SILENT_S = 3.0
RETRY_S = 1.0


class RemoteWorker(WorkerLink):
    """Watches the worker at `url` inside `async with`.

    `connect` makes a client for a base URL. A worker that is away is waited for without a limit,
    and the board says so.
    """

    def __init__(
        self,
        connect: Callable[[str], WorkerClient],
        url: str,
        *,
        limits: HealthLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(limits or HealthLimits(silent_s=SILENT_S), clock=clock)
        self._connect = connect
        self._url = url

    async def __aenter__(self) -> Self:
        self.board.show(
            WorkerStatus(WorkerPhase.STARTING, f"looking for the worker at {self._url}")
        )
        self._begin(self._keep_looking(), "remote worker")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def _keep_looking(self) -> None:
        async with self._connect(self._url) as client:
            while True:
                hang = await self.watch(client)
                stage = f"waiting for the worker at {self._url}"
                self.board.show(WorkerStatus(WorkerPhase.RESTARTING, stage, error=hang.reason))
                await asyncio.sleep(RETRY_S)
