"""Without the message-content intent, on several shards, and with a token that is wrong."""

import re
from pathlib import Path

from tests.bot.wire.reading import answer_in, answers_in, shown
from tests.discord_server.gateway import Intent
from tests.discord_server.server import serve
from tests.programs.bot import Program
from tests.programs.bot_on_discord import running


async def test_without_the_message_content_intent(tmp_path: Path):
    script = {"reply": "{variant}, {turns} turns: {prompt}", "step_seconds": 0.0}
    async with running(tmp_path / "home", content_granted=False, script=script) as bot:
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


async def test_two_shards_that_use_the_intent(tmp_path: Path):
    async with running(tmp_path / "home", shards=2, script={"step_seconds": 0.0}) as bot:
        discord = bot.discord
        assert {one.shard for one in discord.gateway.connected} == {0, 1}
        assert all(one.intents & Intent.MESSAGE_CONTENT for one in discord.gateway.connected)
        room, ann = discord.channel(), discord.user("Ann")
        done = await discord.slash(room, discord.guild.owner, "settings always", on=True)
        await discord.settled(done)
        question = await discord.say(room, ann, "no mention needed")
        answer = await answer_in(discord, room, after=question)
        assert shown(answer) == "tuned: no mention needed"
        dm = discord.dm(ann)
        await discord.say(dm, ann, "on the first shard")
        assert shown(await answer_in(discord, dm)) == "tuned: on the first shard"
        assert "intent seems to be disabled" not in bot.log()


async def test_a_wrong_token_is_one_clear_line(tmp_path: Path):

    async with serve() as discord:
        settings = {**discord.environment, "DISCORD_TOKEN": "no.such.token"}
        outcome = await Program(tmp_path / "home", {}, settings).run("")
        assert outcome.code == 3
        assert "DISCORD_TOKEN" in outcome.err
        assert "no.such.token" not in outcome.err
        assert re.fullmatch(r"[^\n]+\n", outcome.err)
