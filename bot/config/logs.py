"""The bot's log: a file of bounded size that never holds a prompt or an answer."""

import contextlib
import json
import logging
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES = 2 * 1024 * 1024
LOG_FILES = 2
WORKER_HEAD = "# what the worker printed, written by the bot"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# At level DEBUG these write out request bodies, and so what people said.
TALKATIVE = ("openai", "httpx", "httpx2", "httpcore", "aiosqlite", "asyncio", "markdown_it", "PIL")
# discord.py does so too, but its INFO lines (connections, shards) are worth having.
FROM_INFO = ("discord",)


class BoundedFile(RotatingFileHandler):
    """A log file of bounded size. What cannot be written to it is lost without an error.

    Each of its files begins with the line `head`, if there is one.
    """

    def __init__(self, path: Path, head: str = "") -> None:
        self._head = head
        super().__init__(
            path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", errors="replace"
        )

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        with contextlib.suppress(OSError):
            if self._head and not stream.tell():
                stream.write(f"{self._head}\n")
        return stream

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: the traceback of a full disk would be printed into the chat."""


class JsonLines(logging.Formatter):
    """Formats each record as one JSON object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's time, level, logger and message, and its traceback if it has one."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def start_logging(path: Path, level: int, *, as_json: bool = False) -> logging.Handler:
    """Send the log of the whole process to the file `path`, until `stop_logging`.

    `level` is one of logging's numbers. Raises OSError when the file cannot be opened.
    """
    handler = BoundedFile(path)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in FROM_INFO:
        logging.getLogger(name).setLevel(logging.INFO)
    return handler


def stop_logging(handler: logging.Handler) -> None:
    """Remove the handler that `start_logging` returned and close its file."""
    logging.getLogger().removeHandler(handler)
    handler.close()
