"""Stores, records and clocks for the tests of `data`."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data.records import Answer, NewAnswer, NewRequest, RequestMessage, Turn
from data.store.database import connect
from data.store.store import Store
from tests.fakes.sampling import stored_sampling

NOBODY = 65534


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> datetime:
        self.time += timedelta(**by)
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "home" / "fungpt.db"


@pytest.fixture
async def store(database: Path, clock: Clock) -> AsyncIterator[Store]:
    async with await Store.open(database, now=clock, busy_s=0.1) as opened:
        yield opened


@pytest.fixture
def damage_page(database: Path) -> Callable[[int], bytes]:
    """Make a database, spoil one of its pages, and give what the file holds then."""

    def damage(page: int) -> bytes:
        connect(database).close()
        content = bytearray(database.read_bytes())
        content[page * 4096 : page * 4096 + 200] = b"\xee" * 200
        database.write_bytes(content)
        return bytes(content)

    return damage


@pytest.fixture
def new_request() -> Callable[..., NewRequest]:
    """Make requests, each with a source key of its own unless one is given."""
    made = 0

    def make(**changes: Any) -> NewRequest:
        nonlocal made
        made += 1
        fields: dict[str, Any] = {
            "source_key": f"key-{made}",
            "conversation": "room",
            "front_end": "terminal",
            "user_id": "ann",
            "user_name": "Ann",
            "prompt": "Is water wet?",
            "turns": (Turn("system", "Be funny."), Turn("user", "Is water wet?")),
            "variant": "tuned",
            "sampling": stored_sampling(seed=7, stop=("\n\n",)),
        }
        return NewRequest(**fields | changes)

    return make


@pytest.fixture
def new_answer() -> Callable[..., NewAnswer]:
    def make(**changes: Any) -> NewAnswer:
        fields: dict[str, Any] = {
            "text": "Soaking.",
            "variant": "tuned",
            "adapter_hash": "ab12",
            "model_id": "demo",
            "finish_reason": "stop",
            "prompt_tokens": 20,
            "completion_tokens": 3,
            "queue_ms": 5,
            "first_token_ms": 40,
            "total_ms": 100,
        }
        return NewAnswer(**fields | changes)

    return make


@pytest.fixture
def answered(
    new_request: Callable[..., NewRequest], new_answer: Callable[..., NewAnswer]
) -> Callable[..., Awaitable[Answer]]:
    """Take one request through to its answer; `answer` holds the answer's changes."""

    async def make(
        store: Store, *, answer: dict[str, object] | None = None, **request: Any
    ) -> Answer:
        accepted, _ = await store.add_request(new_request(**request))
        await store.mark_running(accepted.id)
        return await store.finish(accepted.id, new_answer(**answer or {}))

    return make


@pytest.fixture
def show() -> Callable[..., Awaitable[None]]:
    """Store that messages of a room show an answer, in this order."""

    async def note(
        store: Store, answer: Answer, *messages: str, front_end: str = "discord"
    ) -> None:
        shown = [RequestMessage("room", message, place) for place, message in enumerate(messages)]
        await store.delivered(answer.request_id, front_end, answer.id, shown)

    return note


@pytest.fixture
def unprivileged_folder() -> Iterator[Path]:
    """A folder that also an unprivileged user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="fungpt-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """Be nobody for a while, since permissions do not bind root."""

    @contextmanager
    def drop() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return drop
