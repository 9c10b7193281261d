"""A token that is revoked, intents and shards that Discord refuses: one line, and nothing lost."""

import asyncio
from pathlib import Path

from tests.bot.wire.reading import SENTENCE, STATE, begun_in, conversation, is_done, shown
from tests.discord_server.gateway import Intent
from tests.discord_server.rest.faults import FaultKind
from tests.programs.bot import LIMIT_S
from tests.programs.bot_on_discord import Bot, running

EDIT = "PATCH /channels/{channel}/messages/{message}"
TEXT = (SENTENCE * 14).strip()


async def ended(bot: Bot) -> tuple[int, str]:
    """Wait until the bot has left by itself; its exit code and what it printed."""
    assert bot.process is not None
    async with asyncio.timeout(LIMIT_S):
        code = await bot.process.wait()
    bot.process = None
    printed = bot.printed()
    assert "Traceback" not in printed + bot.log()
    return code, printed


async def test_a_token_revoked_in_the_middle_of_an_answer(tmp_path: Path):
    async with running(tmp_path / "home") as bot:
        discord = bot.discord
        room, ann = discord.channel(), discord.user("Ann")
        await bot.ask(room, ann, TEXT)
        message = await begun_in(discord, room)
        discord.world.change_token("another.token.now")
        code, printed = await ended(bot)
        assert code == 3
        [line] = printed.splitlines()
        assert "DISCORD_TOKEN" in line
        assert "python -m bot doctor" in line
        assert discord.environment["DISCORD_TOKEN"] not in printed + bot.log()
        assert bot.rows(STATE, conversation(room)) == [("waiting",)]
        assert not message.deleted
        bot.program.settings["DISCORD_TOKEN"] = "another.token.now"
        bot.said.clear()
        await bot.start()
        await discord.until(lambda: is_done(message), "the answer goes on in its message")
        assert shown([message]).startswith("tuned: One more")


async def test_a_token_that_rest_refuses_in_the_middle_of_an_answer(tmp_path: Path):
    async with running(tmp_path / "home") as bot:
        discord = bot.discord
        room, ann = discord.channel(), discord.user("Ann")
        await bot.ask(room, ann, TEXT)
        await begun_in(discord, room)
        discord.world.token = "another.token.now"
        code, printed = await ended(bot)
        assert code == 3
        assert len(printed.splitlines()) == 1
        assert "DISCORD_TOKEN" in printed
        assert bot.rows(STATE, conversation(room)) == [("waiting",)]


async def test_one_answer_401_is_no_reason_to_leave(tmp_path: Path):
    async with running(tmp_path / "home") as bot:
        discord = bot.discord
        room, ann = discord.channel(), discord.user("Ann")
        fault = discord.fault(FaultKind.STATUS, EDIT, status=401)
        await bot.ask(room, ann, SENTENCE * 10)
        await discord.until(lambda: any(map(is_done, discord.from_bot(room))), "the answer")
        assert fault.struck == 1


async def test_more_shards_are_wanted_in_the_middle_of_an_answer(tmp_path: Path):
    async with running(tmp_path / "home") as bot:
        discord = bot.discord
        room, ann = discord.channel(), discord.user("Ann")
        await bot.ask(room, ann, TEXT)
        message = await begun_in(discord, room)
        discord.world.shards = 2
        discord.gateway.refuses_with = 4011
        discord.gateway.close_with(4011)
        before = discord.gateway.identified
        await discord.until(lambda: "4011" in bot.log(), "the bot heard it")
        discord.gateway.refuses_with = None
        await discord.until_online(since=before, limit_s=LIMIT_S)
        await discord.until(lambda: is_done(message), "the answer goes on in its message")
        assert bot.rows(STATE, conversation(room)) == [("finished",)]
        assert {one.shard for one in discord.gateway.connected} == {0, 1}


async def test_an_intent_that_is_taken_back_is_done_without(tmp_path: Path):
    async with running(tmp_path / "home", script={"step_seconds": 0.0}) as bot:
        discord = bot.discord
        before = discord.gateway.identified
        discord.gateway.allowed &= ~Intent.MESSAGE_CONTENT
        discord.gateway.close_with(4014)
        await discord.until_online(since=before, limit_s=LIMIT_S)
        assert not any(one.intents & Intent.MESSAGE_CONTENT for one in discord.gateway.connected)
        assert "going on without" in bot.log()
