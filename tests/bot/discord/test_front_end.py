"""The whole front end in process, against a Discord on the loopback address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.discord import front_end as module
from bot.discord.api.application import Application
from bot.discord.front_end import DiscordFrontEnd
from bot.errors import DiscordRefused, SettingsError
from bot.front_end import Services
from tests.bot.discord.stage import ready_board
from tests.bot.rig import Rig, make_settings, rig
from tests.discord_server.driver import Discord
from tests.discord_server.server import serve
from tests.fakes.worker import FakeWorker, Hang

LIMIT_S = 15.0


@pytest.fixture(autouse=True)
def endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    monkeypatch.setattr(module, "LOGIN_AGAIN_S", (0.01,))


@asynccontextmanager
async def served(
    path: Path,
    *,
    worker: FakeWorker | None = None,
    server: dict[str, Any] | None = None,
    **changes: Any,
) -> AsyncIterator[tuple[Discord, Rig, DiscordFrontEnd]]:
    async with serve(**(server or {})) as discord, rig(path / "f.db", worker=worker) as on:
        env = {key.lower(): value for key, value in discord.environment.items()}
        settings = make_settings(fungpt_home=path, **{**env, **changes})
        services = Services(on.chat, on.store, ready_board(), settings)
        yield discord, on, DiscordFrontEnd(services)


@asynccontextmanager
async def online(discord: Discord, front_end: DiscordFrontEnd) -> AsyncIterator[Any]:
    async with asyncio.timeout(LIMIT_S):
        task = asyncio.create_task(front_end.run())
        try:
            await discord.until_online()
            yield task
        finally:
            front_end.interrupt()
            await asyncio.wait((task,))


@pytest.mark.parametrize("granted", [True, False])
async def test_it_serves_and_leaves_when_it_is_cancelled(tmp_path: Path, granted: bool):
    server = {"content_granted": granted}
    async with served(tmp_path, server=server) as (discord, on, front_end):
        async with online(discord, front_end) as task:
            room, ann = discord.channel(), discord.user("Ann")
            await discord.say(room, ann, f"<@{discord.me.id}> hi")
            await discord.until(
                lambda: any("tuned" in one.content for one in discord.from_bot(room))
            )
        assert task.cancelled()
        with pytest.raises(Exception, match="sleep"):
            await on.submit()


async def test_what_runs_is_parked_and_marked_when_it_leaves(tmp_path: Path):
    worker = FakeWorker(otherwise=("Half", Hang()))
    async with served(tmp_path, worker=worker) as (discord, on, front_end):
        async with online(discord, front_end):
            room, ann = discord.channel(), discord.user("Ann")
            await discord.say(room, ann, f"<@{discord.me.id}> hi")
            await discord.until(lambda: discord.from_bot(room))
        [message] = discord.from_bot(room)
        assert "when I am back" in message.content
        assert len(await on.store.unfinished()) == 1


async def test_a_bad_token_is_the_operators_business(tmp_path: Path):
    for content in ("auto", "off"):
        changes: dict[str, Any] = {
            "discord_token": "wrong.token.x",
            "discord_message_content": content,
        }
        async with served(tmp_path, **changes) as (_, _on, front_end):
            with pytest.raises(SettingsError, match="DISCORD_TOKEN"):
                await front_end.run()


@pytest.mark.parametrize(
    ("code", "word"),
    [(4004, "DISCORD_TOKEN"), (4010, "shards"), (4011, "more shards"), (4012, "update discord.py"),
     (4013, "intent")],
)  # fmt: skip
async def test_what_connecting_anew_does_not_mend_is_one_line(tmp_path: Path, code: int, word: str):
    async with served(tmp_path) as (discord, _on, front_end):
        discord.gateway.refuses_with = code
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(DiscordRefused, match=word) as refused:
                await front_end.run()
        assert "\n" not in str(refused.value)
        assert "python -m bot doctor" in str(refused.value)


async def test_no_token_is_refused(tmp_path: Path):
    async with served(tmp_path, discord_token=None) as (_, _on, front_end):
        with pytest.raises(SettingsError):
            await front_end.run()


async def test_an_intent_that_is_not_granted_is_the_operators_business_only_if_asked_for(
    tmp_path: Path,
):
    server = {"content_granted": False}
    changes: dict[str, Any] = {"discord_message_content": "on"}
    async with served(tmp_path, server=server, **changes) as (_, _on, front_end):
        with pytest.raises(SettingsError, match="message-content"):
            await front_end.run()


async def test_an_intent_taken_back_is_done_without(tmp_path: Path, monkeypatch):
    async def look_up(_token: str) -> Application:
        return Application(1, "fungpt", content_granted=True)

    monkeypatch.setattr(module, "look_up", look_up)
    async with (
        served(tmp_path, server={"content_granted": False}) as (discord, _, front_end),
        online(discord, front_end),
    ):
        pass


async def test_a_discord_that_is_away_is_tried_again(tmp_path: Path, monkeypatch, caplog):
    calls = 0

    async def look_up(_token: str) -> object:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise OSError("nobody there")
        raise SettingsError("enough")

    monkeypatch.setattr(module, "look_up", look_up)
    async with served(tmp_path) as (_, _on, front_end):
        with pytest.raises(SettingsError, match="enough"):
            await front_end.run()
    assert "cannot be reached" in caplog.text
