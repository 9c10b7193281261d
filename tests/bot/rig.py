"""A whole chat over a real store and a fake worker, and short ways to use it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.chat.chat import Chat
from bot.chat.events import Ask, Delta, Ended, Event, Finished, Queued, Restarted
from bot.chat.ticket import Ticket
from bot.clock import Clock
from bot.config.settings import BotSettings
from bot.worker.status import StatusBoard, WorkerPhase, WorkerStatus
from data.errors import StoreLocked
from data.records import NewRequest, Turn
from data.store.store import Store
from tests.fakes.sampling import stored_sampling
from tests.fakes.worker import FakeWatch, FakeWorker

LIMIT_S = 5.0


class ManualClock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.at = datetime(2025, 1, 1, tzinfo=UTC)
        self.seconds = 1000.0

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.at, lambda: self.seconds)


def make_settings(**changes: Any) -> BotSettings:
    return BotSettings(_env_file=None, **{"drain_s": 0, "persona": "", **changes})  # pyright: ignore


@dataclass
class Rig:
    store: Store
    chat: Chat
    worker: FakeWorker
    watch: FakeWatch
    time: ManualClock
    number: int = 0
    keys: list[str] = field(default_factory=list)

    def ask(self, text: str = "Hi?", user: str = "ann", **changes: Any) -> Ask:
        self.number += 1
        values = {
            "source_key": f"key-{self.number}",
            "conversation": "c",
            "front_end": "test",
            "user_id": user,
            "user_name": user.title(),
            "text": text,
        }
        return Ask(**{**values, **changes})

    async def submit(self, text: str = "Hi?", user: str = "ann", **changes: Any) -> Ticket:
        return await self.chat.submit(self.ask(text, user, **changes))


@asynccontextmanager
async def rig(
    path: Path,
    *,
    worker: FakeWorker | None = None,
    watch: FakeWatch | None = None,
    running: bool = True,
    time: ManualClock | None = None,
    **settings: Any,
) -> AsyncIterator[Rig]:
    time = time or ManualClock()
    worker = worker or FakeWorker()
    watch = watch or FakeWatch()
    async with await Store.open(path, now=time.clock.now) as store:
        chat = Chat(
            store,
            worker,
            make_settings(**settings),
            watch,
            rng=random.Random(1),
            clock=time.clock,
        )
        run = asyncio.create_task(chat.run()) if running else None
        try:
            async with asyncio.timeout(LIMIT_S):
                yield Rig(store, chat, worker, watch, time)
        finally:
            await chat.aclose(0)
            if run is not None:
                await run


def new_request(key: str, user: str = "ann") -> NewRequest:
    """What an earlier process may have put into the store."""
    return NewRequest(
        source_key=key,
        conversation="c",
        front_end="test",
        user_id=user,
        user_name=user,
        prompt=key,
        turns=(Turn("user", key),),
        variant="base",
        sampling=stored_sampling(seed=5),
    )


def failing(store: Any, name: str, monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Let a method of the store fail so many times; the list grows with each call."""
    real, calls = getattr(store, name), []

    async def method(*args: Any) -> Any:
        calls.append(len(calls))
        if len(calls) <= times:
            raise StoreLocked("the database is locked")
        return await real(*args)

    monkeypatch.setattr(store, name, method)
    return calls


async def finished(ticket: Ticket) -> Finished:
    """Wait for the end, which must be an answer."""
    end = await ticket.result()
    assert isinstance(end, Finished), end
    return end


async def ended(ticket: Ticket) -> Ended:
    """Wait for the end, which must be without an answer."""
    end = await ticket.result()
    assert isinstance(end, Ended), end
    return end


def place_in_queue(ticket: Ticket) -> Queued:
    """The position that was told last."""
    assert ticket.last_queued is not None
    return ticket.last_queued


async def events(ticket: Ticket) -> list[Event]:
    async with asyncio.timeout(LIMIT_S):
        return [event async for event in ticket.events()]


def shown(history: list[Event]) -> str:
    """What a person who follows the events has before the eyes at the end."""
    text = ""
    for event in history:
        match event:
            case Delta():
                text += event.text
            case Restarted():
                text = ""
            case Finished():
                text = event.answer.text
            case Ended():
                text += f"[{event.state}]"
            case _:
                pass
    return text


async def until_phase(board: StatusBoard, phase: WorkerPhase) -> WorkerStatus:
    """Wait until the worker stands there."""
    async for status in board.follow():
        if status.phase is phase:
            return status
    raise AssertionError(f"the worker ended as {board.current}")


async def until(ticket: Ticket, kind: type[Event]) -> None:
    """Wait until an event of this kind has come."""
    async for event in ticket.events():
        if isinstance(event, kind):
            return
