"""A log that repeats itself is cut short."""

import logging
import time
from collections.abc import Callable

MOST = 20
WINDOW_S = 60.0
_KEPT = 1024  # different lines; more come only where each is another
_COMPARED = 200


class RepeatLimit(logging.Filter):
    """Lets one line through MOST times in WINDOW_S seconds, and says then that it is cut.

    Lines are one where logger, level, place and the text before its arguments are. Without this,
    a fault that comes back at once, such as no file handle left, fills the disk.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._began = clock()
        self._seen: dict[tuple[object, ...], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; the last one of a kind says so."""
        now = self._clock()
        if now - self._began >= WINDOW_S or len(self._seen) >= _KEPT:
            self._began = now
            self._seen.clear()
        text = str(record.msg)[:_COMPARED]
        line = (record.name, record.levelno, record.pathname, record.lineno, text)
        count = self._seen[line] = self._seen.get(line, 0) + 1
        if count == MOST:
            record.msg = f"{record.msg} (said {MOST} times; no more of it for a while)"
        return count <= MOST
