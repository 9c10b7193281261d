"""Waiting for what becomes true, woken by every change instead of by the clock."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

_Value = TypeVar("_Value")
LIMIT_S = 15.0


class Watch:
    """Whatever changes calls `changed`; whoever waits calls `until`."""

    def __init__(self, describe: Callable[[], str] = lambda: "") -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._describe = describe
        self.problems: list[str] = []

    def changed(self) -> None:
        """Something happened: look again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def problem(self, what: str) -> None:
        """Note what must not happen: every `until` fails with it, at once."""
        self.problems.append(what)
        self.changed()

    async def until(
        self, predicate: Callable[[], _Value], what: str = "", *, limit_s: float = LIMIT_S
    ) -> _Value:
        """Wait until `predicate` gives something true, and give that.

        AssertionError with `what`, and with what happened last, after `limit_s`.
        """
        deadline = asyncio.get_running_loop().time() + limit_s
        while True:
            assert not self.problems, self.problems
            if value := predicate():
                return value
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0 or not await self._change(left):
                if value := predicate():
                    return value
                raise AssertionError(f"not within {limit_s:g} s: {what}\n{self._describe()}")

    async def _change(self, limit_s: float) -> bool:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            done, _ = await asyncio.wait({future}, timeout=limit_s)
            return bool(done)
        finally:
            self._waiting.discard(future)
