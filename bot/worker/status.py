"""What the worker is doing, for the front ends to show."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum


class WorkerPhase(StrEnum):
    """The phases of the worker's life."""

    STARTING = "starting"  # the process runs and has not said anything yet
    LOADING = "loading"  # it answers and says what it is doing
    READY = "ready"
    RESTARTING = "restarting"  # it ended or hung; it will be started again
    FAILED = "failed"  # it is not started again; `WorkerStatus.error` says why
    STOPPED = "stopped"  # ended because we asked

    @property
    def is_final(self) -> bool:
        """Whether no other phase follows."""
        return self in (WorkerPhase.FAILED, WorkerPhase.STOPPED)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What is known of the worker at one moment.

    `stage` is a text for people, `progress` the finished fraction of that stage, from 0 to 1, None
    where unknown. `error` is one line that says why the worker failed or is started again.
    `configuration` says that a setting is to blame, so that waiting will not help.
    """

    phase: WorkerPhase
    stage: str = ""
    progress: float | None = None
    error: str | None = None
    configuration: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to wait for: it is ready, or will not be by itself."""
        return self.phase is WorkerPhase.READY or self.phase.is_final or self.configuration


class StatusBoard:
    """Holds the newest status for any number of readers.

    A slow reader may miss statuses in between, never the newest.
    """

    def __init__(self) -> None:
        self._current = WorkerStatus(WorkerPhase.STARTING, "starting the worker")
        self._changed = asyncio.Event()

    @property
    def current(self) -> WorkerStatus:
        """The newest status."""
        return self._current

    def show(self, status: WorkerStatus) -> None:
        """Replace the status and wake every reader. A final status stays."""
        if status == self._current or self._current.phase.is_final:
            return
        self._current = status
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self) -> AsyncIterator[WorkerStatus]:
        """Yield the current status, then each newer one; ends after a final one."""
        while True:
            changed, status = self._changed, self._current
            yield status
            if status.phase.is_final:
                return
            await changed.wait()

    async def settled(self) -> WorkerStatus:
        """Wait until the worker is ready, or will not be by itself; the caller sets the limit."""
        while True:
            changed, status = self._changed, self._current
            if status.is_settled:
                return status
            await changed.wait()
