import asyncio
import logging

import discord
import pytest
from discord import app_commands

from bot.discord.commands import base
from bot.discord.commands.base import (
    CommandCog,
    answer,
    defer_if_slow,
    defer_privately,
    holds,
)
from bot.errors import NotAllowed
from data.errors import StoreLocked
from tests.bot.discord.scene import scene

FAILURES = {
    "user": NotAllowed("Only the captain may do that."),
    "store": StoreLocked("the database is locked"),
    "bug": RuntimeError("a bug"),
}


class Failing(CommandCog):
    @app_commands.command(name="fail")
    async def fail(self, interaction: discord.Interaction, how: str, late: bool = False) -> None:
        """Fail as the test says."""
        if late:
            await interaction.response.defer(ephemeral=True)
        if how == "discord":
            await interaction.client.http.get_message(1, 1)
        raise FAILURES[how]


@pytest.fixture
async def stage(tmp_path):
    async with scene(tmp_path, lambda _bot, parts: [Failing(parts.services)]) as made:
        made.excused = (RuntimeError, discord.HTTPException)
        yield made


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("user", "Only the captain may do that."),
        ("store", "Something went wrong on my side."),
        ("bug", "Something went wrong on my side."),
    ],
)
async def test_the_person_alone_hears_why(stage, how, said, late):
    result = await stage.bob.slash(stage.channel, "fail", how=how, late=late)
    assert result.ephemeral
    assert result.response.content.startswith(said)


async def test_the_log_says_what_the_operator_has_to_know(stage, caplog):
    for how in FAILURES:
        await stage.bob.slash(stage.channel, "fail", how=how)
    assert "captain" not in caplog.text
    assert "/fail: the database is locked" in caplog.text
    assert "RuntimeError: a bug" in caplog.text


async def test_what_discord_refuses_is_only_logged(stage, caplog):
    with caplog.at_level(logging.WARNING):
        await stage.bob.slash(stage.channel, "fail", how="discord")
    assert "/fail: Discord said 404 (10003)" in caplog.text


async def test_an_interaction_that_is_gone_is_only_logged(stage, caplog):
    stage.env.inject_error("POST", "/interactions/*", status=404, code=10062)
    await stage.bob.slash(stage.channel, "fail", how="user")
    assert "an interaction could not be answered: 404" in caplog.text


@pytest.mark.parametrize(
    ("permissions", "is_held"),
    [
        (discord.Permissions.none(), False),
        (discord.Permissions(manage_messages=True), False),
        (discord.Permissions(manage_guild=True), True),
        (discord.Permissions(administrator=True), True),
    ],
)
def test_an_administrator_has_all(permissions, is_held):
    assert holds(permissions, "manage_guild") is is_held


class Slow(CommandCog):
    def __init__(self, services) -> None:
        super().__init__(services)
        self.ready = asyncio.Event()

    @app_commands.command(name="slow")
    async def slow(self, interaction: discord.Interaction, fails: bool = False) -> None:
        """Answer when the test lets it."""
        defer_if_slow(interaction, defer_privately)
        await self.ready.wait()
        if fails:
            raise NotAllowed("After all this time?")
        await answer(interaction, "At last.", ephemeral=True)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
async def test_what_takes_long_is_deferred_meanwhile(tmp_path, monkeypatch, fails, at_once):
    monkeypatch.setattr(base, "DEFER_AFTER_S", 60.0 if at_once else 0.0)
    async with scene(tmp_path, lambda _bot, parts: [Slow(parts.services)]) as stage:
        cog = stage.cog(Slow)
        if at_once:
            cog.ready.set()
        else:
            asyncio.get_running_loop().call_later(0.05, cog.ready.set)
        result = await stage.bob.slash(stage.channel, "slow", fails=fails)
        text = "After all this time?" if fails else "At last."
        assert (result.response.content, result.ephemeral) == (text, True)
        [callback] = [one for one in stage.env.http_requests if one.path.endswith("/callback")]
        assert callback.json is not None
        assert callback.json["type"] == (4 if at_once else 5)
