"""The programs as processes: the bot's own time per message, and memory."""

import asyncio
import os
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.chat.chat import Chat
from bot.chat.events import Ask
from bot.config.settings import BotSettings
from bot.worker.start import worker_for
from data.store.store import Store
from tests.bench.table import markdown, spread

Size = tuple[float, float]  # resident MiB, now and at the peak

MESSAGES = 60
WARM_UP = 5
WAIT_S = 180.0


def memory(pid: int) -> Size:
    """Resident MiB of a process: now and at its peak."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = {
        key: value.split()[0]
        for key, _, value in (line.partition(":") for line in lines)
        if value.split()
    }
    return int(fields["VmRSS"]) / 1024, int(fields["VmHWM"]) / 1024


async def messages(base_model: str, home: Path, count: int) -> tuple[list[float], Size]:
    """Seconds each of `count` messages took over a supervised worker, and the worker's memory."""
    options: dict[str, Any] = {"_env_file": None, "base_model": base_model, "fungpt_home": home}
    settings = BotSettings(**options, max_tokens=32, drain_s=0)
    taken: list[float] = []
    (home / "logs").mkdir(parents=True, exist_ok=True)
    async with (
        asyncio.timeout(WAIT_S),
        await Store.open(settings.database) as store,
        worker_for(settings, home / "logs" / "worker.log") as worker,
    ):
        chat = Chat(store, worker, settings, worker, rng=random.Random(1))
        running = asyncio.create_task(chat.run())
        for number in range(count):
            begun = time.perf_counter()
            ask = Ask(f"{time.time()}-{number}", f"c{number}", "bench", "me", "Me", "Best snack?")
            async for _ in (await chat.submit(ask)).events():
                pass
            taken.append(time.perf_counter() - begun)
        size = memory(child_pid())
        await chat.aclose(0)
        await running
    return taken[WARM_UP:], size


def child_pid() -> int:
    """The one child process: the worker."""
    task = Path("/proc/self/task")
    children = [pid for t in task.iterdir() for pid in (t / "children").read_text().split()]
    return int(children[-1])


async def report(home: Path) -> str:
    """Overhead with the scripted worker, memory of both programs with the demo model."""
    with TemporaryDirectory() as scratch:
        taken, _ = await messages("scripted", Path(scratch), MESSAGES)
    milliseconds = [seconds * 1000 for seconds in taken]
    _, (now, peak) = await messages("demo", home, WARM_UP + 1)
    bot_now, bot_peak = await bot_memory(home)
    rows = [
        ["message through bot and scripted worker, ms", spread(milliseconds, ".2f"), "< 10"],
        ["worker with the demo model, MiB now (peak)", f"{now:.0f} ({peak:.0f})", "< 1536"],
        ["bot, MiB now (peak)", f"{bot_now:.0f} ({bot_peak:.0f})", "< 150"],
    ]
    return markdown(("what", "measured", "wanted"), rows)


async def bot_memory(home: Path) -> Size:
    """Resident MiB of `python -m bot` after a chat with the demo model."""
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", env={**without_token(), "FUNGPT_HOME": str(home)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert bot.stdin is not None
    assert bot.stdout is not None
    async with asyncio.timeout(WAIT_S):
        bot.stdin.write(b"What is the best social media?\n")
        await bot.stdin.drain()
        await bot.stdout.readline()
        size = memory(bot.pid)
        bot.stdin.close()
        await bot.wait()
    return size


def without_token() -> dict[str, str]:
    """The environment without a token, so that the bot chats here."""
    return {key: value for key, value in os.environ.items() if key != "DISCORD_TOKEN"}
