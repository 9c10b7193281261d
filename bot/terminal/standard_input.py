"""Lines from a file descriptor that is no terminal, without a thread and with bounded memory."""

import asyncio
import os
from collections.abc import AsyncIterator

CHUNK_BYTES = 65536


async def read_lines(descriptor: int, limit: int) -> AsyncIterator[str]:
    """Each line without its end, in UTF-8 with replacements; ends with the input.

    A line longer than `limit` bytes comes cut to `limit + 1` bytes, its rest is skipped: the
    reader sees from the length that it was too long.
    """
    held = b""
    while chunk := await _chunk(descriptor):
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            yield _text(line, limit)
        held = held[: limit + 1]
    if held:
        yield _text(held, limit)


def _text(line: bytes, limit: int) -> str:
    return line[: limit + 1].removesuffix(b"\r").decode("utf-8", "replace")


async def _chunk(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(descriptor, readable.set)
    except PermissionError:
        return os.read(descriptor, CHUNK_BYTES)  # a plain file: nothing to wait for
    try:
        await readable.wait()
        return os.read(descriptor, CHUNK_BYTES)
    finally:
        loop.remove_reader(descriptor)
