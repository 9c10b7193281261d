"""One life of the worker's process: its start, the address it announces, its end."""

import asyncio
import contextlib
import logging
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from typing import Self, cast

from bot.errors import WorkerStartError
from bot.worker.output import WorkerLog, announced_url, lines_from

LAST_WORDS_S = 1.0
logger = logging.getLogger(__name__)


class WorkerProcess:
    """A worker that runs; whoever starts one must `stop` it."""

    def __init__(self, process: Process, log: WorkerLog) -> None:
        self.log = log
        self._process = process
        self._announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._copying = asyncio.create_task(self._copy(), name="worker output")

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], log: WorkerLog
    ) -> Self:
        """Start the worker; raises WorkerStartError when the system refuses.

        Its standard input is a pipe that only this process holds: however this process ends, the
        pipe closes and the worker ends too. It has a session of its own, so that Ctrl-C in the
        terminal does not reach it.
        """
        log.new_life()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(environment),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerStartError(f"The worker cannot be started: {error}") from error
        return cls(process, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def address(self, limit_s: float) -> str | None:
        """Wait for the base URL that the worker announces; None when the worker ended before.

        Raises WorkerStartError when neither happens within `limit_s` seconds.
        """
        await asyncio.wait(
            (self._announced, self._copying),
            timeout=limit_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self._announced.done():
            return self._announced.result()
        if self._copying.done():
            with contextlib.suppress(TimeoutError):  # the exit code follows the closed streams
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._process.wait()
            return None
        raise WorkerStartError(f"The worker did not announce its address within {limit_s:g} s")

    async def ended(self) -> int:
        """Wait until the process has ended; the caller sets the time limit.

        Returns the exit code; minus the signal's number where a signal ended it.
        """
        code = await self._process.wait()
        await asyncio.wait((self._copying,), timeout=LAST_WORDS_S)
        return code

    async def stop(self, grace_s: float) -> int:
        """End the process and return its exit code; one that has ended already stays as it is.

        It gets SIGTERM and its standard input is closed; after `grace_s` seconds it is killed.
        """
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            logger.warning("The worker does not end by itself and is killed")
        finally:
            self._signal(signal.SIGKILL)
            code = await self.ended()
            self._copying.cancel()
            await asyncio.gather(self._copying, return_exceptions=True)
        return code

    def _signal(self, number: signal.Signals) -> None:
        # subprocess's own way polls first and so takes the exit code away from asyncio, which
        # then reports 255: what the code says about the reason would be lost
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def _copy(self) -> None:
        stdout = cast("asyncio.StreamReader", self._process.stdout)
        stderr = cast("asyncio.StreamReader", self._process.stderr)
        await asyncio.gather(self._copy_output(stdout), self._copy_errors(stderr))

    async def _copy_output(self, stdout: asyncio.StreamReader) -> None:
        """Everything goes to the log but the announcement of the address."""
        async for line in lines_from(stdout):
            url = announced_url(line)
            if url is not None and not self._announced.done():
                self._announced.set_result(url)
            else:
                self.log.write(line)

    async def _copy_errors(self, stderr: asyncio.StreamReader) -> None:
        async for line in lines_from(stderr):
            self.log.write(line)
