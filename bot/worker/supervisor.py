"""Keeps one worker of our own running: starts it, watches it, starts it again, ends it."""

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Self

from bot.errors import WorkerStartError
from bot.worker.health import Hang, HealthLimits
from bot.worker.link import WorkerLink
from bot.worker.output import WorkerLog
from bot.worker.process import WorkerProcess
from bot.worker.restarts import Death, GiveUp, Restart, RestartPolicy, decide, describe
from bot.worker.status import WorkerPhase, WorkerStatus
from model.client import WorkerClient

WORKER = (sys.executable, "-m", "model", "--port", "0", "--exit-on-stdin-eof")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SupervisorLimits:
    """How long the worker may take.

    `announce_s` seconds until it announces its address, `grace_s` seconds until it has ended when
    asked to, and `health` for everything in between.
    """

    announce_s: float = 60.0
    grace_s: float = 5.0
    health: HealthLimits = field(default_factory=HealthLimits)


class Supervisor(WorkerLink):
    """Keeps a worker running inside `async with`; afterwards none is left.

    `connect` makes a client for a base URL. When `policy` gives up, the board shows FAILED with
    one line that says why, and no other worker is started.
    """

    def __init__(
        self,
        connect: Callable[[str], WorkerClient],
        environment: Mapping[str, str],
        log: WorkerLog,
        *,
        command: Sequence[str] = WORKER,
        limits: SupervisorLimits | None = None,
        policy: RestartPolicy | None = None,
        rng: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bounds = limits or SupervisorLimits()
        super().__init__(self._bounds.health, clock=clock)
        self._connect = connect
        self._environment = environment
        self._log = log
        self._command = command
        self._policy = policy or RestartPolicy()
        self._rng = rng or Random()  # noqa: S311 - jitter is no secret

    async def __aenter__(self) -> Self:
        self._begin(self._keep_running(), "supervisor")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()
        self._log.close()

    async def _keep_running(self) -> None:
        try:
            await self._live()
        except Exception:
            logger.exception("The supervisor failed")
            self._show_failure("Looking after the worker failed; the bot's log says how", False)

    async def _live(self) -> None:
        deaths: deque[Death] = deque(maxlen=max(2, self._policy.give_up_after))
        while True:
            self.board.show(WorkerStatus(WorkerPhase.STARTING, "starting the worker"))
            death = await self._one_life()
            deaths.append(death)
            logger.warning("The worker ended (%s): %s", describe(death), death.line)
            match decide(deaths, self._policy, self._rng):
                case Restart(delay_s):
                    stage = f"the worker ended ({describe(death)}) and is started again"
                    why = death.line or None
                    self.board.show(
                        WorkerStatus(
                            WorkerPhase.RESTARTING, stage, error=why,
                            configuration=death.configuration,
                        )
                    )  # fmt: skip
                    await asyncio.sleep(delay_s)
                case GiveUp(message, configuration):
                    self._show_failure(message, configuration)
                    return

    async def _one_life(self) -> Death:
        """Start a worker, watch it until it ends or hangs, and return how it ended."""
        try:
            process = await WorkerProcess.start(self._command, self._environment, self._log)
        except WorkerStartError as error:
            return Death(None, None, str(error))
        hang: Hang | None = None
        try:
            hang = await self._accompany(process)
        finally:
            code = await process.stop(self._bounds.grace_s if hang is None else 0)
        served_s = None if self.ready_at is None else self._clock() - self.ready_at
        if hang is not None:
            return Death(
                None, served_s, hang.reason, stuck=hang.loading, configuration=hang.configuration
            )
        killed = code < 0  # then its last line is not about its end
        return Death(code, served_s, "" if killed else self._log.last_words)

    async def _accompany(self, process: WorkerProcess) -> Hang | None:
        """Watch the worker until it hangs, or until it ends by itself, which gives None."""
        self.ready_at = None
        try:
            url = await process.address(self._bounds.announce_s)
        except WorkerStartError as error:
            return Hang(str(error))
        if url is None:
            return None
        async with self._connect(url) as client:
            watching = asyncio.create_task(self.watch(client), name="worker health")
            ended = asyncio.create_task(process.ended(), name="worker end")
            try:
                await asyncio.wait((watching, ended), return_when=asyncio.FIRST_COMPLETED)
                return None if ended.done() else watching.result()
            finally:
                watching.cancel()
                ended.cancel()
                await asyncio.gather(watching, ended, return_exceptions=True)

    def _show_failure(self, message: str, configuration: bool) -> None:
        line = f"{message} (log: {self._log.path})"
        logger.error("%s", line)
        self.board.show(WorkerStatus(WorkerPhase.FAILED, error=line, configuration=configuration))
