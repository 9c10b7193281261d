"""Threads that read bodies and encode prompts beside the event loop, the short ones first."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

_Result = TypeVar("_Result")

THREADS = 4
LONG = 64 * 1024  # bytes or characters; a job of this size takes tens of milliseconds
LONG_AT_ONCE = 2


@dataclass(order=True, slots=True)
class _Job:
    size: int
    number: int
    work: Callable[[], Any] = field(compare=False)
    done: "asyncio.Future[Any]" = field(compare=False)


class ShortFirst:
    """Runs functions in a few threads; of those that wait, the one of the smallest size is next.

    Long ones never take all threads, so a short one waits for no long one. Call it on one event
    loop only.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="encode")
        self._waiting: list[_Job] = []
        self._numbers = itertools.count()
        self._running = 0
        self._long = 0

    async def run(self, size: int, work: Callable[[], _Result]) -> _Result:
        """The result of `work`, which is about as much as `size` bytes or characters."""
        done: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, _Job(size, next(self._numbers), work, done))
        self._start()
        return await done

    def close(self) -> None:
        """End the threads after what they are at; what waits is never done."""
        for job in self._waiting:
            job.done.cancel()
        self._waiting.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        while self._waiting and self._running < THREADS:
            is_long = self._waiting[0].size >= LONG  # then all that wait are long
            if is_long and self._long >= LONG_AT_ONCE:
                return
            job = heapq.heappop(self._waiting)
            if job.done.done():
                continue  # its reader has left
            self._running += 1
            self._long += is_long
            asyncio.get_running_loop().run_in_executor(self._threads, job.work).add_done_callback(
                lambda ended, job=job: self._settle(job, ended)
            )

    def _settle(self, job: _Job, ended: "asyncio.Future[Any]") -> None:
        self._running -= 1
        self._long -= job.size >= LONG
        if job.done.done() or ended.cancelled():
            job.done.cancel()
        elif (error := ended.exception()) is not None:
            job.done.set_exception(error)
        else:
            job.done.set_result(ended.result())
        self._start()
