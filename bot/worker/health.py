"""Tells from a worker's answers to `GET /health` whether it loads, is ready or hangs. Pure."""

from dataclasses import dataclass

from bot.worker.status import WorkerPhase, WorkerStatus
from model.protocol.state import Health


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """How long a healthy worker may take, in seconds.

    `silent_s`: without any answer. `ready_s`: without progress while loading. `stall_s`: for one
    step of its engine.
    """

    silent_s: float = 20.0
    ready_s: float = 900.0
    stall_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Hang:
    """The worker hangs and will not go on by itself; `reason` is one line.

    `loading` says that it hangs before it was ready, `configuration` that a setting is to blame.
    """

    reason: str
    loading: bool = False
    configuration: bool = False


class HealthJudge:
    """Judges the answers of one worker in their order; `now` is seconds of a monotonic clock."""

    def __init__(self, limits: HealthLimits, now: float) -> None:
        self._limits = limits
        self._answered_at = now
        self._moved_at = now
        self._seen: tuple[str, float | None] | None = None

    def silence(self, now: float, why: str = "") -> Hang | None:
        """Judge that no answer came: Hang after `silent_s` seconds without one, None before.

        `why` is what is known of the last failure, in one line.
        """
        if now - self._answered_at <= self._limits.silent_s:
            return None
        line = f"it has not answered for {self._limits.silent_s:g} s"
        return Hang(f"{line} ({why})" if why else line)

    def answer(self, health: Health, now: float, stall: str | None = None) -> WorkerStatus | Hang:
        """Judge an answer to `GET /health`.

        `stall` is a report that an answer to a request gets no text: it means a hang, unless the
        worker is busy with other requests.
        """
        self._answered_at = now
        if health.status == "ok":
            return self._working(health, stall)
        if (health.stage, health.progress) != self._seen:
            self._seen, self._moved_at = (health.stage, health.progress), now
        stage = health.error or health.stage or health.status
        if now - self._moved_at > self._limits.ready_s:
            return Hang(f"{stage!r} has stood still for {self._limits.ready_s:g} s", loading=True)
        return WorkerStatus(WorkerPhase.LOADING, stage, health.progress)

    def _working(self, health: Health, stall: str | None) -> WorkerStatus | Hang:
        if health.busy_s > self._limits.stall_s:
            return Hang(f"one step has been running for {health.busy_s:.0f} s")
        queued_behind_others = health.waiting > 0 and health.busy_s < self._limits.stall_s / 2
        if stall is not None and not queued_behind_others:
            return Hang(stall)
        return WorkerStatus(WorkerPhase.READY, "ready", 1.0)
