"""Samples, and what they say at the end."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

_CLOCK_TICKS = 100
_SLEEP_S = 0.02


@dataclass
class Samples:
    """Seconds, one for each thing that was timed."""

    seconds: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def ms(self, share: float) -> float:
        """The quantile `share` in milliseconds; 0 without samples."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    @property
    def row(self) -> tuple[str, ...]:
        """The cells of a table: number, median, 95 %, 99 %, greatest."""
        return (
            str(len(self.seconds)),
            *(f"{self.ms(share):.0f}" for share in (0.5, 0.95, 0.99, 1)),
        )


@dataclass
class Process:
    """Memory and processor time of a process, as the system counts them."""

    pid: int
    mib: list[float] = field(default_factory=list)

    def sample(self) -> None:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                self.mib.append(int(line.split()[1]) / 1024)

    def waited_seconds(self) -> float:
        """How long the main thread was ready to run but had no core, since its start."""
        schedule = Path(f"/proc/{self.pid}/schedstat")
        return int(schedule.read_text().split()[1]) / 1e9 if schedule.exists() else 0.0

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


async def watch_lag(lag: Samples) -> None:
    """Sample for ever how much later than asked this very process is woken.

    It shares the cores with the bot: what this shows is no fault of the bot's.
    """
    clock = asyncio.get_running_loop().time
    while True:
        before = clock()
        await asyncio.sleep(_SLEEP_S)
        lag.add(clock() - before - _SLEEP_S)


def growth(mib: Sequence[float]) -> float:
    """The second half's mean over the first half's, less one."""
    half = len(mib) // 2
    return fmean(mib[half:]) / fmean(mib[:half]) - 1 if half else 0.0
