"""The worker's standard error on disk, bounded."""

import logging
from pathlib import Path

from bot.logs import BoundedFile


class WorkerLog:
    """Appends lines to a file that never grows beyond its bound; `last_line` is the newest text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_line = ""
        self._file = BoundedFile(path)

    def write(self, line: str) -> None:
        """Keep one line. A full disk loses it, never the worker."""
        if not line.strip():
            return
        self.last_line = line.strip()
        self._file.handle(logging.LogRecord("worker", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
