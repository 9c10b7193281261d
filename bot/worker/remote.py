"""A worker that somebody else runs (`WORKER_URL`): the bot only watches its health."""

import asyncio
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bot.worker.health import Hang, HealthLimits
from bot.worker.link import WorkerLink
from bot.worker.status import WorkerPhase, WorkerStatus
from model.client import WorkerClient
from model.protocol.state import Health

SILENT_S = 3.0
RETRY_S = 1.0
LOCKED_OUT_S = 10.0  # between two tries with a setting that is wrong
READY_POLL_S = 2.0  # somebody else's server may count each look
_logger = logging.getLogger(__name__)


class RemoteWorker(WorkerLink):
    """Watches the worker at `url` inside `async with`.

    `connect` makes a client for a base URL. A worker that is away is waited for without a limit,
    and the board says so. It counts as ready when it is healthy and has said which models it has:
    a server's health is often open to all, and says nothing of the key or the protocol.
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
        said = ""
        async with self._connect(self._url) as client:
            while True:
                hang = await self.watch(client)
                if hang.reason != said:
                    said = hang.reason
                    _logger.warning("The worker at %s: %s", self._url, said)
                self.board.show(self._away(hang))
                await asyncio.sleep(LOCKED_OUT_S if hang.configuration else RETRY_S)

    def _away(self, hang: Hang) -> WorkerStatus:
        stage = f"waiting for the worker at {self._url}"
        return WorkerStatus(
            WorkerPhase.RESTARTING, stage, error=hang.reason, configuration=hang.configuration
        )

    async def _look_at(self, client: WorkerClient) -> Health:
        health = await client.health()
        if health.status == "ok" and self.board.current.phase is not WorkerPhase.READY:
            await client.models()
        return health

    def _interval(self) -> float:
        ready = self.board.current.phase is WorkerPhase.READY
        return READY_POLL_S if ready else super()._interval()
