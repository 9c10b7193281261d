"""Text files: their bytes decide what they are, and people hear what was not read."""

import json

import pytest

from tests.bot.wire.reading import answer_in, asked, conversation
from tests.discord_server.driver import Discord
from tests.discord_server.state.messages import File
from tests.discord_server.state.places import Channel
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEA = "Tea is früh,\nat five."
NOTEBOOK = json.dumps(
    {"cells": [{"cell_type": "markdown", "source": ["# Cake"]},
               {"cell_type": "code", "source": ["1 + 1"], "outputs": [
                   {"output_type": "execute_result", "data": {"text/plain": ["2"]}}]}]}
)  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
bot = bot_of_a_file(script={"reply": "Fine.", "step_seconds": 0.0})


def prompt(bot: Bot, channel: Channel) -> str:
    """The newest question that was stored for a channel."""
    sql = "SELECT prompt FROM requests WHERE conversation = ? ORDER BY id DESC LIMIT 1"
    ((text,),) = bot.rows(sql, conversation(channel))
    return text


@pytest.mark.parametrize(
    ("name", "data", "kind", "text"),
    [
        ("notes.txt", TEA.encode("utf-16"), "text/plain; charset=utf-8", TEA),
        ("notes.txt", TEA.encode("utf-16-be"), None, TEA),
        ("notes.txt", TEA.encode("utf-32"), None, TEA),
        ("notes.txt", TEA.encode("utf-8-sig"), None, TEA),
        ("notes.txt", TEA.encode("latin-1"), "text/plain; charset=utf-8", TEA),
        ("notes.txt", "“früh” – 5 €".encode("cp1252"), None, "“früh” – 5 €"),
        ("notes.txt", TEA.encode(), "image/png", TEA),
        ("Dockerfile", b"FROM scratch", "application/octet-stream", "FROM scratch"),
        ("Makefile", b"all:\n\tmake tea", None, "all:\n\tmake tea"),
        ("brew.ps1", b"Get-Tea", "application/octet-stream", "Get-Tea"),
        ("main.ts", b"let tea = 1;", "video/mp2t", "let tea = 1;"),
        ("notes", b"no suffix at all", None, "no suffix at all"),
        ("film.srt", b"1\r\n00:00:01,000 --> 00:00:02,000\r\nTea!", "application/x-subrip",
         "1\n00:00:01,000 --> 00:00:02,000\nTea!"),
        ("brew.log", b"\x1b[32mready\x1b[0m", None, "ready"),
        ("cake.ipynb", NOTEBOOK.encode(), "application/x-ipynb+json",
         "# Cake\n\n```python\n1 + 1\n```\nOutput:\n2"),
    ],
)  # fmt: skip
async def test_what_holds_text_is_read(
    bot: Bot, discord: Discord, name: str, data: bytes, kind: str | None, text: str
):
    room = discord.channel()
    await bot.ask(room, discord.user(), "sum it up", files=[File(0, name, data, kind)])
    answer = await answer_in(discord, room)
    assert prompt(bot, room) == f"sum it up\n\n{name}:\n{text}"
    assert answer[-1].content == "Fine.\n-# tuned", "there is nothing to remark"


@pytest.mark.parametrize(
    ("file", "remark"),
    [
        (File(0, "cat.txt", PNG, "text/plain"), "no text in it"),
        (File(0, "cat", PNG, None), "no text in it"),
        (File(0, "nothing.txt", b"", "text/plain"), "nothing.txt is empty"),
        (File(0, "long.txt", b"tea " * 30_000, "text/plain"), "only the beginning of long.txt"),
        (File(0, "cat.png", PNG, "image/png"), "can't look at pictures"),
    ],
)
async def test_what_is_not_read_is_said(bot: Bot, discord: Discord, file: File, remark: str):
    room, tea = discord.channel(), File(0, "tea.txt", TEA.encode(), "text/plain")
    await bot.ask(room, discord.user(), "sum it up", files=[tea, file])
    answer = await answer_in(discord, room)
    assert f"sum it up\n\ntea.txt:\n{TEA}" in prompt(bot, room)
    assert "PNG" not in prompt(bot, room)
    assert remark in answer[-1].content
    assert len(prompt(bot, room)) <= 8000


async def test_a_file_that_is_no_text_is_no_question(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, "", files=[File(0, "cat.txt", PNG, "text/plain")])
    (remark,) = await discord.until(lambda: discord.replies(question))
    assert "no text in it" in remark.content
    assert bot.rows("SELECT 1 FROM requests WHERE user_id = ?", str(ann.id)) == []


async def test_the_files_of_what_somebody_points_at_are_read(bot: Bot, discord: Discord):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    files = [
        File(0, "tea.txt", TEA.encode("utf-16"), None),
        File(0, "cat.txt", PNG, "text/plain"),
    ]
    shown = await discord.say(room, bob, "my notes", files=files)
    await bot.ask(room, ann, "sum it up", reply_to=shown)
    (answer,) = await answer_in(discord, room)
    ((turns,),) = bot.rows("SELECT turns FROM requests WHERE user_id = ?", str(ann.id))
    assert json.loads(turns)[-1]["content"] == (f"Bob: my notes\n\ntea.txt:\n{TEA}\nAnn: sum it up")
    assert "I left out cat.txt" in answer.content
    await discord.settled(await discord.menu(shown, bob, "Ask about this"))
    menu = await answer_in(discord, room, after=answer)
    assert "I left out cat.txt" in menu[-1].content


async def test_a_file_stays_a_part_of_the_conversation(bot: Bot, discord: Discord):
    ann = discord.user("Ann")
    room = discord.dm(ann)
    first = await discord.say(room, ann, "read", files=[File(0, "tea.txt", TEA.encode(), None)])
    await answer_in(discord, room, after=first)
    second = await discord.say(room, ann, "and at what hour?")
    await answer_in(discord, room, after=second)
    assert asked(bot, room) == [f"read\n\ntea.txt:\n{TEA}", "Fine.", "and at what hour?"]
