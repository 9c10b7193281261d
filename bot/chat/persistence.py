"""Writes that must happen: repeated for a while when the store cannot do them just now."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from data.errors import StoreConflict, StoreError

WRITE_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)  # seconds between tries
_Result = TypeVar("_Result")


class Persistence:
    """Repeats failed writes, for about four minutes; after `leave` each is tried once more only."""

    def __init__(self) -> None:
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Give up soon: the program ends."""
        self._leaving.set()

    async def write(
        self,
        write: Callable[[], Awaitable[_Result]],
        failed: Callable[[StoreError], None] = lambda _: None,
    ) -> _Result:
        """What `write` returns, which must be safe to repeat.

        `failed` is called once, after a first failure that is worth another try. Raises
        StoreConflict at once, because no repetition changes it, and the last StoreError in the end.
        """
        for number, wait_s in enumerate((*WRITE_AGAIN_S, None)):
            try:
                return await write()
            except StoreConflict:
                raise
            except StoreError as error:
                if wait_s is None or self._leaving.is_set():
                    raise
                if number == 0:
                    failed(error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._leaving.wait()
        raise AssertionError("the last try returns or raises")
