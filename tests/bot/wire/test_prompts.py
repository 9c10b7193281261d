"""What reaches the model besides the text: attached files, and the persona of a place."""

import json

import pytest

from tests.bot.wire.reading import answer_in, answers_in, conversation, shown, small_print
from tests.discord_server.driver import Discord
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import File
from tests.discord_server.state.places import Channel
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOWNLOAD = "GET /attachments/{attachment}/{name}"
NOTES = File(0, "notes.txt", "Tea is früh,\nat five.".encode(), "text/plain; charset=utf-8")
CAT = File(0, "cat.png", b"\x89PNG\r\n\x1a\n", "image/png")
bot = bot_of_a_file(script={"reply": "{variant}, {turns} turns: {prompt}", "step_seconds": 0.0})


async def test_a_text_file_is_read_into_the_prompt(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    await bot.ask(room, ann, "sum it up", files=[NOTES])
    answer = await answer_in(discord, room)
    prompt = "sum it up\n\nnotes.txt:\nTea is früh,\nat five."
    assert shown(answer) == f"tuned, 1 turns: {prompt}"
    assert small_print(answer) == "tuned"
    sql = "SELECT prompt FROM requests WHERE conversation = ?"
    assert bot.rows(sql, conversation(room)) == [(prompt,)]
    alone = discord.dm(ann)
    await discord.say(alone, ann, "", files=[NOTES])
    assert shown(await answer_in(discord, alone)).endswith("notes.txt:\nTea is früh,\nat five.")


async def test_an_image_is_declined(bot: Bot, discord: Discord):
    """Alone it is no question; beside a text or a text file it is left out, and that is said."""
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, "", files=[CAT])
    (remark,) = await discord.until(lambda: discord.replies(question))
    assert "can't look at pictures" in remark.content
    assert not remark.buttons
    assert bot.rows("SELECT 1 FROM requests WHERE user_id = ?", str(ann.id)) == []
    both = await bot.ask(room, ann, "sweet?", files=[CAT, NOTES])
    answer = await answer_in(discord, room, after=both)
    assert shown(answer).startswith("tuned, 1 turns: sweet?\n\nnotes.txt:\n")
    assert "-# I can't look at pictures" in answer[-1].content
    paths = [call.path for call in discord.calls.of(DOWNLOAD)]
    assert not any("cat.png" in path for path in paths)


@pytest.mark.parametrize(("kind", "times"), [(FaultKind.STATUS, 1), (FaultKind.CUT, 9)])
async def test_a_file_that_discord_does_not_give_is_left_out(
    bot: Bot, discord: Discord, kind: FaultKind, times: int
):
    room = discord.channel()
    fault = discord.fault(kind, DOWNLOAD, times=times)
    await bot.ask(room, discord.user(), "sum it up", files=[NOTES])
    answer = await answer_in(discord, room)
    assert shown(answer) == "tuned, 1 turns: sum it up"
    assert "-# I left out notes.txt: Discord did not give it to me." in answer[-1].content
    assert fault.struck


def system_prompts(bot: Bot, channel: Channel) -> list[list[str]]:
    """What the model was told before each of a channel's conversations."""
    rows = bot.rows("SELECT turns FROM requests WHERE conversation = ? ORDER BY id",
                    conversation(channel))  # fmt: skip
    turns = [json.loads(text) for (text,) in rows]
    return [[turn["content"] for turn in one if turn["role"] == "system"] for one in turns]


async def test_a_threads_persona_is_its_channels_until_it_has_its_own(bot: Bot, discord: Discord):
    room, other, ann = discord.channel(), discord.channel(), discord.user("Ann")
    owner, thread = discord.guild.owner, discord.thread(room, ann)
    refused = await discord.slash(thread, ann, "persona set", text="Be mine.")
    assert refused.messages[0].ephemeral
    assert "Manage Server" in refused.text
    await discord.slash(room, owner, "persona set", text="You are a pirate.")
    await bot.ask(thread, ann, "who are you?")
    assert shown(await answer_in(discord, thread)) == "tuned, 2 turns: who are you?"
    await bot.ask(other, ann, "and here?")
    assert shown(await answer_in(discord, other)) == "tuned, 1 turns: and here?"
    await discord.slash(thread, owner, "persona set", text="You are a cook.")
    await bot.ask(thread, ann, "and now?")
    await answers_in(discord, thread, 2)
    assert system_prompts(bot, thread) == [["You are a pirate."], ["You are a cook."]]
    shown_here = await discord.slash(room, ann, "persona show")
    assert "You are a pirate." in shown_here.text
