"""The time, handed to whoever needs it so that tests can set it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time of the wall clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`now()` gives the wall clock's time in UTC, `monotonic()` seconds that never jump."""

    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic


SYSTEM_CLOCK = Clock()
