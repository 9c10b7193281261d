"""What the bot itself adds to a message, with a worker that takes no time."""

import statistics
import time

from bot.chat.events import Delta
from bot.clock import SYSTEM_CLOCK, Clock
from tests.bot.rig import ManualClock, rig
from tests.fakes.worker import FakeWorker

MESSAGES = 60
MEDIAN_LIMIT_S = 0.010  # three commits, one event loop; measured: a fifth of it


class RealTime(ManualClock):
    @property
    def clock(self) -> Clock:
        return SYSTEM_CLOCK


async def test_median_overhead_of_a_message(tmp_path):
    worker = FakeWorker(otherwise=("word ",) * 32)
    taken = []
    async with rig(tmp_path / "test.db", worker=worker, time=RealTime()) as it:
        for number in range(MESSAGES):
            start = time.perf_counter()
            ticket = await it.submit(f"prompt {number}", conversation=f"c{number % 5}")
            async for event in ticket.events():
                assert not isinstance(event, Delta) or event.text
            taken.append(time.perf_counter() - start)
    print(f"median {statistics.median(taken) * 1000:.2f} ms, worst {max(taken) * 1000:.2f} ms")
    assert statistics.median(taken) < MEDIAN_LIMIT_S
