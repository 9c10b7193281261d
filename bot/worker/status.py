"""What the worker is doing, as the front ends see it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum


class WorkerPhase(StrEnum):
    """Where the worker stands."""

    STARTING = "starting"  # the process is there, nothing heard of it yet
    LOADING = "loading"  # it answers and says what it is doing
    READY = "ready"
    RESTARTING = "restarting"  # it ended or hung; the next start is waited for
    FAILED = "failed"  # given up; `WorkerStatus.error` says why
    STOPPED = "stopped"  # ended because we asked

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in (WorkerPhase.FAILED, WorkerPhase.STOPPED)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One look at the worker.

    `stage` is a text for people, `progress` a fraction from 0 to 1 of that stage when known.
    `error` is one line: the reason when failed or restarting. `configuration` tells that a setting
    is to blame for a failure.
    """

    phase: WorkerPhase
    stage: str = ""
    progress: float | None = None
    error: str | None = None
    configuration: bool = False


class StatusBoard:
    """Holds the newest status; readers follow it and miss only what was overwritten."""

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
        """The current status, then each newer one; ends after a final one."""
        while True:
            changed, status = self._changed, self._current
            yield status
            if status.phase.is_final:
                return
            await changed.wait()

    async def settled(self) -> WorkerStatus:
        """Wait until the worker is ready or for good gone. The caller sets the time limit."""
        while True:
            changed, status = self._changed, self._current
            if status.phase is WorkerPhase.READY or status.phase.is_final:
                return status
            await changed.wait()
