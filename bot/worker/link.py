"""The chat's way to a worker that may come and go, watched through its health."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any

from bot.errors import WorkerGone
from bot.worker.health import Hang, HealthJudge, HealthLimits
from bot.worker.status import StatusBoard, WorkerPhase, WorkerStatus
from model.client import AnswerDelta, Done, ThoughtDelta, TurnLike, WorkerClient
from model.errors import ClientError, WorkerUnavailable, WorkerUnusable
from model.protocol.cards import ModelCard
from model.protocol.state import Health
from model.sampling import SamplingParams

UNUSABLE = "I cannot use my model, because one of my settings is wrong. Please tell my operator."
POLL_S = 0.25  # between two looks at a worker's health


class WorkerLink:
    """An AnswerSource and a WorkerWatch in one; `board` shows the worker's status.

    A subclass runs `watch` for as long as the worker behind a client lives. `ready_at` is when
    that worker first was ready, in seconds of the given clock, None before.
    """

    def __init__(self, limits: HealthLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.board = StatusBoard()
        self._limits = limits
        self._clock = clock
        self._client: WorkerClient | None = None
        self._look = asyncio.Event()
        self._doubts = 0
        self._stall: str | None = None
        self.ready_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    def _begin(self, looking_after: Coroutine[Any, Any, None], name: str) -> None:
        """Run `looking_after` as a task until `_end`."""
        self._task = asyncio.create_task(looking_after, name=name)

    async def _end(self) -> None:
        """Cancel the task of `_begin` and show that the worker is stopped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        self.board.show(WorkerStatus(WorkerPhase.STOPPED, "stopped"))

    async def models(self) -> list[ModelCard]:
        """The variants that the worker serves."""
        return await self._current().models()

    async def stream(
        self, turns: Iterable[TurnLike], variant: str, sampling: SamplingParams
    ) -> AsyncGenerator[AnswerDelta | ThoughtDelta | Done, None]:
        """Yield the answer's deltas, then one Done. Closing the generator frees the worker."""
        async with aclosing(self._current().stream(turns, variant, sampling)) as pieces:
            async for piece in pieces:
                yield piece

    async def wait_ready(self) -> None:
        """Return when the worker is ready; the caller sets the time limit.

        Raises WorkerGone when it has failed, been stopped for good, or a setting is to blame.
        """
        status = await self.board.settled()
        if status.phase.is_final:
            raise WorkerGone(status.error or "The worker has been stopped.")
        if status.phase is not WorkerPhase.READY:
            raise WorkerGone(UNUSABLE)

    def report_unavailable(self, reason: str) -> None:
        """Hear that a call failed: the worker is not ready until another look at its health."""
        self._doubt(reason)

    def report_stall(self, reason: str) -> None:
        """Hear that an answer gets no text: the worker hangs, unless it is busy with others."""
        self._stall = reason
        self._doubt(reason)

    async def watch(self, client: WorkerClient) -> Hang:
        """Look at the worker's health again and again, and show it on the board, until it hangs."""
        judge = HealthJudge(self._limits, self._clock())
        self._client, self._stall = client, None
        try:
            while True:
                verdict = await self._judged(client, judge)
                if isinstance(verdict, Hang):
                    return verdict
                if verdict is not None:
                    self._show(verdict)
                await self._pause()
        finally:
            self._client = None
            self._doubt("it is replaced")  # nobody is ready from this moment on

    async def _judged(self, client: WorkerClient, judge: HealthJudge) -> WorkerStatus | Hang | None:
        """Look once. None when nothing follows from it, as from a look older than a failed call."""
        doubts, stall = self._doubts, self._stall
        self._look.clear()
        try:
            async with asyncio.timeout(self._limits.silent_s):
                health = await self._look_at(client)
        except WorkerUnusable as error:
            return Hang(str(error), configuration=True)
        except (ClientError, TimeoutError) as error:
            return judge.silence(self._clock(), str(error))
        if doubts != self._doubts:
            return None
        self._stall = None
        return judge.answer(health, self._clock(), stall)

    async def _look_at(self, client: WorkerClient) -> Health:
        """Ask the worker how it is; raises ClientError."""
        return await client.health()

    def _interval(self) -> float:
        """Seconds between two looks."""
        return POLL_S

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._interval()):
                await self._look.wait()
        except TimeoutError:
            return

    def _show(self, status: WorkerStatus) -> None:
        if status.phase is WorkerPhase.READY and self.ready_at is None:
            self.ready_at = self._clock()
        self.board.show(status)

    def _doubt(self, reason: str) -> None:
        self._doubts += 1
        self._look.set()
        if self.board.current.phase is WorkerPhase.READY:
            self.board.show(
                WorkerStatus(WorkerPhase.LOADING, "looking after the worker", None, reason)
            )

    def _current(self) -> WorkerClient:
        if self._client is None:
            raise WorkerUnavailable("the worker is not up")
        return self._client
