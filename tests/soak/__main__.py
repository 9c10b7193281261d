"""A load run over the loopback address: the real bot, many people, the scripted worker.

`python -m tests.soak [--seconds 300] [--people 500] [--channels 50]` prints a table, and ends
with 1 where a bound was missed.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.discord_server.rest.limits import LIKE_DISCORD
from tests.programs.bot_on_discord import Bot, running
from tests.soak.measures import Process, Samples, watch_lag
from tests.soak.people import Crowd
from tests.soak.verdict import LoadRun

STEP_S = 0.005  # a character of an answer, all running answers at once
WARM_UP = 0.1  # of the time, before memory is looked at


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; gives 0 where every bound was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--channels", type=int, default=50)
    parser.add_argument("--thinking", type=float, default=90.0, help="between two questions, mean")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        kept = asyncio.run(soak(options, Path(folder) / "home"))
    return 0 if kept else 1


async def soak(options: argparse.Namespace, home: Path) -> bool:
    """One run."""
    script = {"step_seconds": STEP_S, "max_running": 32}
    settings = {"WORKER_CONCURRENCY": "32", "QUEUE_MAX": "1000", "MAX_RUNNING": "32"}
    async with running(home, script=script, settings=settings) as bot:
        bot.discord.router.limits.rules.update(LIKE_DISCORD)
        crowd = Crowd(bot.discord, random.Random(1), options.thinking)
        assert bot.process is not None
        process = Process(bot.process.pid)
        begun = bot.discord.now
        cpu, waited = process.cpu_seconds(), process.waited_seconds()
        lag = Samples()
        watching = asyncio.create_task(watch_lag(lag))
        await run(crowd, process, options)
        watching.cancel()
        lasted = bot.discord.now - begun
        cpu, waited = process.cpu_seconds() - cpu, process.waited_seconds() - waited
        await settled(bot, len(crowd.asked))
        outcome = LoadRun(crowd, process, bot, lasted, cpu / lasted, waited / lasted, lag)
        print(outcome.table())
        return all(bound.kept for bound in outcome.bounds())


async def run(crowd: Crowd, process: Process, options: argparse.Namespace) -> None:
    """Everybody lives until the end; memory is looked at twice a second after the warm-up."""
    discord = crowd.discord
    rooms = [discord.channel() for _ in range(options.channels)]
    end_at = discord.now + options.seconds
    people = [
        asyncio.create_task(crowd.live(discord.user(), rooms[number % len(rooms)], end_at))
        for number in range(options.people)
    ]
    await asyncio.sleep(options.seconds * WARM_UP)
    while discord.now < end_at:
        process.sample()
        await asyncio.sleep(0.5)
    await asyncio.gather(*people)


async def settled(bot: Bot, asked: int) -> None:
    """Wait until the store has ended every request."""
    with suppress(AssertionError):
        await bot.until_rows("SELECT count(*) FROM answers", [(asked,)])


if __name__ == "__main__":
    sys.exit(main())
