"""One life of the worker's process: start, the address it announces, its log, its end."""

import asyncio
import codecs
import contextlib
import json
import logging
import os
import re
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from typing import Self, cast

from bot.errors import WorkerStartError
from bot.worker.process_log import WorkerLog

READ_BYTES = 8192
LINE_CHARACTERS = 64 * 1024
LAST_WORDS_S = 1.0
logger = logging.getLogger(__name__)


class WorkerProcess:
    """A started worker. Whoever starts one must `stop` it."""

    def __init__(self, process: Process, log: WorkerLog) -> None:
        self.log = log
        self._process = process
        self._announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._copying = asyncio.create_task(self._copy(), name="worker output")

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], log: WorkerLog
    ) -> Self:
        """Start the worker; raises WorkerStartError when the system cannot.

        Its standard input is a pipe that only this process holds: however this process ends, the
        pipe closes and the worker leaves. Its own session keeps a terminal's Ctrl-C from it.
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
        """The base URL the worker announces; None when it ended before.

        Raises WorkerStartError when it says nothing within `limit_s`.
        """
        await asyncio.wait(
            (self._announced, self._copying),
            timeout=limit_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self._announced.done():
            return self._announced.result()
        if self._copying.done():
            with contextlib.suppress(TimeoutError):  # so that its own exit code is seen
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._process.wait()
            return None
        raise WorkerStartError(f"The worker did not announce its address within {limit_s:g} s")

    async def ended(self) -> int:
        """Wait for its end (the caller sets the limit): the exit code, negative for a signal."""
        code = await self._process.wait()
        await asyncio.wait((self._copying,), timeout=LAST_WORDS_S)
        return code

    async def stop(self, grace_s: float) -> int:
        """End it: close its pipe and SIGTERM, then SIGKILL. Harmless when it is gone already."""
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
        await asyncio.gather(_each_line(stdout, self._hear), _each_line(stderr, self.log.write))

    def _hear(self, line: str) -> None:
        url = _announced_url(line)
        if url is not None and not self._announced.done():
            self._announced.set_result(url)
        else:
            self.log.write(line)


def _announced_url(line: str) -> str | None:
    """The base URL in the worker's one line of JSON; None for any other line."""
    try:
        event = cast("object", json.loads(line))
    except ValueError:
        return None
    match event:
        case {"event": "listening", "host": str(host), "port": int(port)}:
            return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        case _:
            return None


async def _each_line(stream: asyncio.StreamReader, keep: Callable[[str], None]) -> None:
    """Hand on each line, of any length; a progress bar's carriage returns end lines too."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while chunk := await stream.read(READ_BYTES):
        *lines, rest = re.split(r"[\r\n]+", rest + decoder.decode(chunk))
        for line in lines:
            keep(line)
        if len(rest) > LINE_CHARACTERS:
            keep(rest)
            rest = ""
    keep(rest)
