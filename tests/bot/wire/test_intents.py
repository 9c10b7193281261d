"""Without the message-content intent, on several shards, and with a token that is wrong."""

import re
from pathlib import Path

import pytest

from tests.bot.program import Program
from tests.bot.wire.reading import answer_in, answers_in, shown
from tests.bot.wire.running import running
from tests.discord_server.gateway import Intent
from tests.discord_server.server import serve


@pytest.mark.parametrize("setting", ["auto", "off"])
async def test_without_the_message_content_intent(tmp_path: Path, setting: str):
    script = {"reply": "{variant}, {turns} turns: {prompt}", "step_seconds": 0.0}
    settings = {"DISCORD_MESSAGE_CONTENT": setting}
    async with running(
        tmp_path / "home", content_granted=False, script=script, settings=settings
    ) as bot:
        discord = bot.discord
        room, ann = discord.channel(), discord.user("Ann")
        assert not any(one.intents & Intent.MESSAGE_CONTENT for one in discord.gateway.connected)
        await discord.say(room, ann, "unreadable")
        await bot.ask(room, ann, "readable")
        (first,) = await answer_in(discord, room)
        assert shown([first]) == "tuned, 1 turns: readable"
        await discord.say(room, ann, "and this?", reply_to=first)
        _, (second,) = await answers_in(discord, room, 2)
        assert shown([second]) == "tuned, 3 turns: and this?"
        silent = await discord.say(room, ann, "without a ping", reply_to=second, ping=False)
        (hint,) = await discord.until(lambda: discord.replies(silent))
        assert "mention" in hint.content
        dm = discord.dm(ann)
        await discord.say(dm, ann, "just us")
        assert shown(await answer_in(discord, dm)) == "tuned, 1 turns: just us"
        other = discord.channel()
        await discord.slash(other, ann, "ask", prompt="by command")
        assert shown(await answer_in(discord, other)) == "tuned, 1 turns: by command"


async def test_the_intent_is_used_where_it_is_granted(tmp_path: Path):
    async with running(tmp_path / "home", script={"step_seconds": 0.0}) as bot:
        discord = bot.discord
        assert all(one.intents & Intent.MESSAGE_CONTENT for one in discord.gateway.connected)
        room, ann = discord.channel(), discord.user("Ann")
        done = await discord.slash(room, discord.guild.owner, "settings always", on=True)
        await discord.settled(done)
        await discord.say(room, ann, "no mention needed")
        assert shown(await answer_in(discord, room)) == "tuned: no mention needed"


async def test_two_shards(tmp_path: Path):
    async with running(tmp_path / "home", shards=2, script={"step_seconds": 0.0}) as bot:
        discord = bot.discord
        assert {one.shard for one in discord.gateway.connected} == {0, 1}
        ann = discord.user("Ann")
        room = discord.channel()
        await bot.ask(room, ann, "hello")
        assert shown(await answer_in(discord, room)) == "tuned: hello"


async def test_a_wrong_token_is_one_clear_line(tmp_path: Path):

    async with serve() as discord:
        settings = {**discord.environment, "DISCORD_TOKEN": "no.such.token"}
        outcome = await Program(tmp_path / "home", {}, settings).run("")
        assert outcome.code == 2
        assert "DISCORD_TOKEN" in outcome.err
        assert "no.such.token" not in outcome.err
        assert re.fullmatch(r"[^\n]+\n", outcome.err)
