"""What an operator relies on: limits that hold, figures for Prometheus, and the doctor."""

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.bot.wire.reading import SENTENCE, answer_in, begun_in, is_done, rated, shown
from tests.discord_server.driver import Discord
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.server import serve
from tests.discord_server.state.world import TOKEN
from tests.programs.bot import Program
from tests.programs.bot_on_discord import Bot, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
EDIT = "PATCH /channels/{channel}/messages/{message}"
TEXT = (SENTENCE * 5).strip()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
    home = tmp_path_factory.mktemp("wire") / "home"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    settings = {"METRICS_PORT": port, "WORKER_CONCURRENCY": "1", "QUEUE_MAX": "1"}
    async with running(home, settings=settings) as one:
        yield one


async def scraped(bot: Bot) -> str:
    """What Prometheus would read."""
    url = f"http://127.0.0.1:{bot.program.settings['METRICS_PORT']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        return await response.text()


def figures(text: str) -> dict[str, float]:
    """The samples by name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def test_a_full_queue_says_when_to_come_again(bot: Bot, discord: Discord):
    room, other = discord.channel(), discord.channel()
    ann, bob, cem = discord.user("Ann"), discord.user("Bob"), discord.user("Cem")
    await bot.ask(room, ann, TEXT)
    await begun_in(discord, room)
    await bot.ask(other, bob, "next")
    await bot.until_rows(
        "SELECT state FROM requests WHERE user_id = ?", [("waiting",)], str(bob.id)
    )
    seen = figures(await scraped(bot))
    assert (seen["fungpt_bot_requests_running"], seen["fungpt_bot_requests_waiting"]) == (1, 1)
    refused = await bot.ask(other, cem, "too late")
    (refusal,) = await discord.until(lambda: discord.replies(refused))
    assert re.search(r"Please try again in about \d+ (seconds?|minutes)\.$", refusal.content)
    assert refusal.mentions == [cem]
    assert not refusal.buttons
    assert bot.rows("SELECT 1 FROM requests WHERE user_id = ?", str(cem.id)) == []
    await discord.until(lambda: any(map(is_done, discord.from_bot(other))), "Bob is answered")
    again = await bot.ask(other, cem, "and now?")
    answer = await answer_in(discord, other, after=again)
    assert shown(answer) == "tuned: and now?"
    await rated(discord, answer[-1])


async def test_the_figures_count_and_name_nobody(bot: Bot, discord: Discord):
    room, ann = discord.channel("secret-room"), discord.user("Annabella")
    before = figures(await scraped(bot))
    discord.fault(FaultKind.LIMITED, EDIT, seconds=0.02)
    await bot.ask(room, ann, TEXT)
    answer = (await answer_in(discord, room))[-1]
    await rated(discord, answer)
    text = await scraped(bot)
    after = figures(text)
    edits = len(discord.calls.of(EDIT, channel=room.id, status=200))
    grown = {
        'fungpt_bot_requests_ended_total{state="finished",variant="tuned"}': 1,
        "fungpt_bot_discord_rate_limited_total": 1,
        "fungpt_bot_message_edits_total": edits,
        "fungpt_bot_queue_seconds_count": 1,
        "fungpt_bot_first_token_seconds_count": 1,
        "fungpt_bot_answer_seconds_count": 1,
    }
    assert {name: after[name] - before.get(name, 0) for name in grown} == grown
    assert edits >= 1
    assert after["fungpt_bot_worker_ready"] == 1
    assert (after["fungpt_bot_requests_running"], after["fungpt_bot_requests_waiting"]) == (0, 0)
    ids = (ann.id, room.id, answer.id, discord.guild.id)
    for secret in ("One more", "Annabella", "secret", TOKEN, *map(str, ids)):
        assert secret not in text


async def test_the_doctor_knows_a_good_token_and_a_refused_one(tmp_path: Path):
    async with serve() as discord:
        good = Program(tmp_path / "home", settings=discord.environment)
        outcome = await good.run("", "-m", "bot", "doctor")
        assert (outcome.code, outcome.err) == (0, "")
        said = dict(line.split(": ", 1) for line in outcome.out.splitlines())
        subjects = [
            "token", "intents", "permissions", "direct", "policy", "training", "database", "worker",
            "adapter", "disk",
        ]  # fmt: skip
        assert [one[5:] for one in said] == subjects
        assert said["ok   token"] == f"it is FunGPT's ({discord.me.id})"
        assert said["ok   intents"].startswith("with message content")
        assert said["ok   permissions"].startswith("complete in 1 server; invite link: https://")
        bad = Program(good.home, settings={**discord.environment, "DISCORD_TOKEN": "no.such.token"})
        outcome = await bad.run("", "-m", "bot", "doctor")
        assert (outcome.code, outcome.err) == (1, "")
        first, *others = outcome.out.splitlines()
        assert first.startswith("BAD  token: Discord refuses DISCORD_TOKEN")
        assert "no.such.token" not in outcome.out
        assert not any(line.startswith("BAD") for line in others)
        assert not good.home.exists(), "it changes nothing"
