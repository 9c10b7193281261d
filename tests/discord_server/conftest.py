"""A server, and a plain client that is connected to it."""

from collections.abc import AsyncIterator

import pytest

from tests.discord_server.driver import Discord
from tests.discord_server.plain_client import PlainClient, connected
from tests.discord_server.server import serve


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    async with serve() as server:
        yield server


@pytest.fixture
async def client(discord: Discord, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PlainClient]:
    async with connected(discord, monkeypatch) as plain:
        yield plain
