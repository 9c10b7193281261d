"""The worker's output on disk, bounded, and what it said last."""

import logging
from pathlib import Path

from bot.config.logs import BoundedFile

SIGNED = "model: "  # how the worker begins the one line that says why it ends


class WorkerLog:
    """Appends lines to a file that never grows beyond its bound."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = BoundedFile(path)
        self._last = ""
        self._signed = ""

    @property
    def last_words(self) -> str:
        """Why the worker says it ends, else its last line; of the present life alone."""
        return self._signed or self._last

    def new_life(self) -> None:
        """Another worker begins: what the one before it said is no explanation any more."""
        self._last = self._signed = ""

    def write(self, line: str) -> None:
        """Keep one line. A full disk loses it, never the worker."""
        text = line.strip()
        if not text:
            return
        self._last = text
        if text.startswith(SIGNED):
            self._signed = text.removeprefix(SIGNED)
        self._file.handle(logging.LogRecord("worker", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
