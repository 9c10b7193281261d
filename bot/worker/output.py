"""What the worker's process prints: its log on disk, its last words, the address it announces."""

import asyncio
import codecs
import json
import logging
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

from bot.config.logs import WORKER_HEAD, BoundedFile

READ_BYTES = 8192
LINE_CHARACTERS = 64 * 1024
SIGNED = "model: "  # how the worker begins the one line that says why it ends


class WorkerLog:
    """Appends the worker's lines to a file that never grows beyond its bound."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = BoundedFile(path, WORKER_HEAD)
        self._last = ""
        self._signed = ""

    @property
    def last_words(self) -> str:
        """Why the present worker says it ends; its last line where it does not say."""
        return self._signed or self._last

    def new_life(self) -> None:
        """Begin with another worker: what the one before it said explains nothing any more."""
        self._last = self._signed = ""

    def write(self, line: str) -> None:
        """Append one line; a blank one is left out. On a full disk the line is lost."""
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


async def lines_from(stream: asyncio.StreamReader) -> AsyncGenerator[str, None]:
    """Yield the stream's lines as UTF-8 text without their ends, until it closes.

    A carriage return ends a line as well, because progress bars use it. A line longer than
    `LINE_CHARACTERS` comes in pieces.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while chunk := await stream.read(READ_BYTES):
        *lines, rest = re.split(r"[\r\n]+", rest + decoder.decode(chunk))
        for line in lines:
            yield line
        if len(rest) > LINE_CHARACTERS:
            yield rest
            rest = ""
    yield rest


def announced_url(line: str) -> str | None:
    """The base URL in the line of JSON with which the worker announces it; None for other lines."""
    try:
        event = cast("object", json.loads(line))
    except ValueError:
        return None
    match event:
        case {"event": "listening", "host": str(host), "port": int(port)}:
            return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        case _:
            return None
