"""`python -m bot` as a process of its own, over the scripted worker."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 30.0
Inside = Callable[[str], "Outcome"]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@dataclass
class Program:
    """Starts bots on one FUNGPT_HOME; `script` is the scripted worker's."""

    home: Path
    script: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "BASE_MODEL": "scripted",
            "FUNGPT_HOME": str(self.home),
            "FUNGPT_SCRIPT": json.dumps(self.script),
            **self.settings,
        }

    @asynccontextmanager
    async def started(self, *command: str, **streams: Any) -> AsyncIterator[Process]:
        """A running bot; killed at the end of the block if it still runs."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(command or ("-m", "bot")),
            env=self.environment,
            cwd=self.home.parent,
            **{"stdin": PIPE, "stdout": PIPE, "stderr": PIPE, **streams},
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            async with asyncio.timeout(LIMIT_S):
                await process.communicate()

    async def run(self, text: str | bytes, *command: str) -> Outcome:
        """Pipe `text` in and wait for the end."""
        data = text if isinstance(text, bytes) else text.encode()
        async with self.started(*command) as process, asyncio.timeout(LIMIT_S):
            out, err = await process.communicate(data)
            return Outcome(process.returncode or 0, out.decode(), err.decode())


async def child_of(pid: int) -> int:
    """The pid of the process's worker, as soon as there is one."""
    async with asyncio.timeout(LIMIT_S):
        while not (children := _children(pid)):  # noqa: ASYNC110 - /proc sends no events
            await asyncio.sleep(0.01)
    return children[0]


async def gone(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(LIMIT_S):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found
