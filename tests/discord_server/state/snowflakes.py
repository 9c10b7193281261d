"""Discord's ids: the time in milliseconds, then a number; they grow from one to the next."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

EPOCH_MS = 1_420_070_400_000
_NUMBER_BITS = 22


class Snowflakes:
    """Gives ids that always grow."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._last = 0

    def __call__(self) -> int:
        of_now = (int(self._now() * 1000) - EPOCH_MS) << _NUMBER_BITS
        self._last = max(self._last + 1, of_now)
        return self._last


def time_of(snowflake: int) -> str:
    """When an id was made, as Discord writes times."""
    seconds = ((snowflake >> _NUMBER_BITS) + EPOCH_MS) / 1000
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def now_stamp() -> str:
    """The time, as Discord writes times."""
    return datetime.now(UTC).isoformat()
