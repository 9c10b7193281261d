"""`python -m bot` as a process on the tests' own Discord."""

import asyncio
import signal
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from data.store.database import FILE_NAME
from tests.discord_server.driver import Discord
from tests.discord_server.server import serve
from tests.discord_server.state.messages import Message
from tests.discord_server.state.places import Channel, User
from tests.programs.bot import LIMIT_S, Program, child_of

STEP_S = 0.004
USUAL = {"DRAIN_S": "1", "MAX_TOKENS": "3000", "MAX_CONTEXT": "12000"}


@dataclass
class Bot:
    """One bot, which may be killed and started again on the same home."""

    discord: Discord
    program: Program
    process: Process | None = None
    said: list[str] = field(default_factory=list)  # file names of what the processes printed

    async def start(self) -> None:
        """Start the process and wait until it is connected to Discord."""
        assert self.process is None
        before = self.discord.gateway.identified
        printed = self.program.home.parent / f"printed-{len(self.said)}.log"
        self.said.append(str(printed))
        with printed.open("wb") as file:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot",
                env=self.program.environment, cwd=self.program.home.parent,
                stdin=DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip
        online = asyncio.create_task(self.discord.until_online(since=before, limit_s=LIMIT_S))
        ended = asyncio.create_task(self.process.wait())
        try:
            await asyncio.wait((online, ended), return_when=asyncio.FIRST_COMPLETED)
            assert not ended.done(), f"the bot ended: {printed.read_text()}"
            await online
        finally:
            for task in (online, ended):
                task.cancel()
            await asyncio.gather(online, ended, return_exceptions=True)

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        assert self.process is not None
        process, self.process = self.process, None
        if process.returncode is None:
            process.send_signal(how)
        try:
            async with asyncio.timeout(LIMIT_S):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            raise
        await self.discord.until(lambda: not self.discord.gateway.connected, "the bot is gone")
        return code

    async def worker(self) -> int:
        """The pid of the bot's worker."""
        assert self.process is not None
        return await child_of(self.process.pid)

    def printed(self) -> str:
        """All that the processes wrote to their standard streams."""
        return "".join(Path(name).read_text() for name in self.said)

    def log(self) -> str:
        """The bot's log."""
        return (self.program.home / "logs" / "bot.log").read_text()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        address = f"file:{self.program.home / FILE_NAME}?mode=ro"
        database = sqlite3.connect(address, uri=True)
        try:
            return database.execute(sql, values).fetchall()
        finally:
            database.close()

    async def until_rows(self, sql: str, wanted: list[tuple[Any, ...]], *values: Any) -> None:
        """Wait until the database says this."""
        found: list[tuple[Any, ...]] = []
        for _ in range(int(LIMIT_S / 0.02)):
            if (found := self.rows(sql, *values)) == wanted:
                return
            await asyncio.sleep(0.02)  # a database sends no events
        raise AssertionError(f"{sql}: {found}, not {wanted}")

    async def ask(self, channel: Channel, user: User, text: str, **more: Any) -> Message:
        """Write to the bot by mentioning it."""
        return await self.discord.say(channel, user, f"{self.discord.me.mention} {text}", **more)


@asynccontextmanager
async def running(
    home: Path,
    *,
    script: dict[str, Any] | None = None,
    settings: dict[str, str] | None = None,
    **server: Any,
) -> AsyncGenerator[Bot]:
    """A Discord with a connected bot; both end with the block, and the bot without a traceback."""
    async with serve(**server) as discord:
        environment = {**discord.environment, **USUAL, **(settings or {})}
        script = {"step_seconds": STEP_S, **(script or {})}
        bot = Bot(discord, Program(home, script, environment))
        try:
            await bot.start()
            yield bot
            if bot.process is not None:
                assert await bot.end() == 0, bot.printed()
            assert "Traceback" not in bot.printed(), bot.printed()
            assert "Traceback" not in bot.log(), bot.log()
        finally:
            if bot.process is not None and bot.process.returncode is None:
                bot.process.kill()
                await bot.process.wait()


def bot_of_a_file(
    *, script: dict[str, Any] | None = None, settings: dict[str, str] | None = None
) -> Any:
    """The fixture `bot` of a file of tests: one running bot for all of them."""

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
        home = tmp_path_factory.mktemp("wire") / "home"
        async with running(home, script=script, settings=settings) as one:
            yield one

    return bot
