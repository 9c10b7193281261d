"""An outlet that keeps its messages in memory and fails when it is told to."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import discord

from bot.discord.answer.button_row import STOP, ButtonRow, custom_id

LIMIT_S = 5.0


class Reply:
    """As much of a response as discord.py's errors look at."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.reason = "because"


def refusal(status: int, code: int = 0, **details: Any) -> discord.HTTPException:
    """What discord.py raises; `details` are further fields of Discord's answer."""
    kinds = {403: discord.Forbidden, 404: discord.NotFound}
    kind = kinds.get(status, discord.DiscordServerError if status >= 500 else discord.HTTPException)
    return kind(Reply(status), {"code": code, "message": "no", **details})


def cut_off() -> aiohttp.ClientError:
    return aiohttp.ClientConnectionError("cut off")


@dataclass
class FakeOutlet:
    """`failures` are raised by the next calls, None lets one through."""

    channel_id: int = 5
    bucket: str = "channels/5"
    failures: deque[Exception | None] = field(default_factory=deque)
    messages: dict[int, str] = field(default_factory=dict)
    buttons: dict[int, list[str]] = field(default_factory=dict)
    nonces: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)
    mended: list[discord.HTTPException] = field(default_factory=list)
    next_id: int = 100
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, content: str, view: discord.ui.View | None, nonce: str) -> int:
        self._call("send")
        self.next_id += 1
        self.nonces.append(nonce)
        self._put(self.next_id, content, view)
        return self.next_id

    async def edit(self, message_id: int, content: str, view: discord.ui.View | None) -> None:
        self._call("edit")
        if message_id not in self.messages:
            raise refusal(404, 10008)
        self._put(message_id, content, view)

    async def delete(self, message_id: int) -> None:
        self._call("delete")
        if self.messages.pop(message_id, None) is None:
            raise refusal(404, 10008)

    async def abandon(self) -> None:
        self.calls.append("abandon")

    def begin_typing(self) -> None:
        if "begin" not in self.typed:
            self.typed.append("begin")

    async def end_typing(self) -> None:
        if "end" not in self.typed:
            self.typed.append("end")
            self.called.set()

    async def until(self, predicate: Callable[[], bool]) -> None:
        """Wait until this is true; looked at after each call."""
        async with asyncio.timeout(LIMIT_S):
            while not predicate():
                self.called.clear()
                await self.called.wait()
                await asyncio.sleep(0)

    @property
    def shown(self) -> list[str]:
        return list(self.messages.values())

    def _call(self, name: str) -> None:
        self.calls.append(name)
        self.called.set()
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure

    def _put(self, message_id: int, content: str, view: discord.ui.View | None) -> None:
        assert 0 < len(content) <= 2000
        self.messages[message_id] = content
        buttons = (
            [item for item in view.children if isinstance(item, discord.ui.Button)] if view else []
        )
        self.buttons[message_id] = [str(button.custom_id) for button in buttons]


def stop_row(request_id: int) -> tuple[ButtonRow, str]:
    return ButtonRow((STOP,), request_id), custom_id(STOP, request_id)
