"""The whole program in a real terminal: signals, hang-up, odd terminals and locales."""

import asyncio
import fcntl
import os
import re
import signal
import struct
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.programs.bot import LIMIT_S, Program, child_of, gone
from tests.programs.stored_requests import states

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """The other side of a pseudo terminal."""

    def __init__(self, descriptor: int, process: asyncio.subprocess.Process) -> None:
        self.descriptor = descriptor
        self.process = process
        self.raw = b""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self.raw.decode("utf-8", "replace")).replace("\r", "")

    def type(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    async def shows(self, wanted: str) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                while wanted not in self.text:
                    await self._more.wait()
        except TimeoutError as error:
            raise AssertionError(f"{wanted!r} never came: {self.text!r}") from error

    async def ends(self) -> int:
        async with asyncio.timeout(LIMIT_S):
            return await self.process.wait()

    def hang_up(self) -> None:
        if self.descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self.descriptor)
            os.close(self.descriptor)
            self.descriptor = -1

    def _read(self) -> None:
        try:
            self.raw += os.read(self.descriptor, 65536)
        except OSError:
            asyncio.get_running_loop().remove_reader(self.descriptor)
        self._more.set()
        self._more = asyncio.Event()


@asynccontextmanager
async def terminal(program: Program) -> AsyncIterator[Terminal]:
    outer, inner = os.openpty()
    fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    program.settings = {"PROMPT_TOOLKIT_NO_CPR": "1", **program.settings}
    async with program.started(
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
    ) as process:
        os.close(inner)
        screen = Terminal(outer, process)
        try:
            yield screen
        finally:
            screen.hang_up()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")


async def test_ctrl_c_stops_the_answer_alone_and_ctrl_d_leaves(program: Program):
    program.script = {"step_seconds": 0.02, "reply": "all work and no play " * 100}
    async with terminal(program) as screen:
        worker = await child_of(screen.process.pid)
        await screen.shows("tuned>")
        screen.type("hello\r")
        await screen.shows("all work and")
        screen.type("typed too early")
        screen.type(CTRL_C)
        await screen.shows("· stopped")
        screen.type("/rate robotic\r")
        await screen.shows("robotic for answer #1")
        screen.type(CTRL_D)
        assert await screen.ends() == 0
        await gone(worker)
    assert states(program) == ["stopped"]
    assert "Traceback" not in screen.text
    assert "typed too early" not in screen.text


@pytest.mark.parametrize("way", ["hang up", "SIGTERM"])
async def test_a_terminal_that_goes_away_leaves_nothing_behind(program: Program, way: str):
    program.script = {"step_seconds": 0.02, "reply": "x" * 1000}
    async with terminal(program) as screen:
        worker = await child_of(screen.process.pid)
        await screen.shows("tuned>")
        screen.type("hello\r")
        await screen.shows("xxx")
        if way == "SIGTERM":
            screen.process.send_signal(signal.SIGTERM)
        else:
            screen.hang_up()
        assert await screen.ends() == 0
        await gone(worker)
    assert states(program) == ["waiting"]


@pytest.mark.parametrize(
    "settings",
    [
        {"TERM": "dumb"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
async def test_odd_terminals(program: Program, settings: dict[str, str]):
    program.settings, program.script = settings, {"reply": "fun 😂 täglich"}
    async with terminal(program) as screen:
        await screen.shows("tuned>")
        screen.type("hello\r")
        await screen.shows("fun ")
        await screen.shows("#1")
        screen.type("/quit\r")
        assert await screen.ends() == 0
    assert "Traceback" not in screen.text


async def test_no_color_is_obeyed(program: Program):
    program.settings = {"NO_COLOR": "1", "TERM": "xterm-256color"}
    async with terminal(program) as screen:
        await screen.shows("tuned>")
        screen.type("/nope\r")
        await screen.shows("There is no command")
        screen.type(CTRL_D)
        assert await screen.ends() == 0
    assert not re.search(rb"\x1b\[[0-9;]*3[0-9]", screen.raw)
