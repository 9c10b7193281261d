"""Answers that say nothing, answers that think first, and markup that a message's end cuts."""

import pytest

from tests.bot.wire.reading import SENTENCE, answer_in, answers_in, conversation, rated, shown
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
STORED = "SELECT text FROM answers JOIN requests ON request_id = requests.id WHERE conversation = ?"
bot = bot_of_a_file(script={"reply": "{prompt}", "step_seconds": 0.001})


@pytest.mark.parametrize(
    "nothing",
    ["\u3164", "\u2800 \u2800", "\u00ad\ufe0f", "\u200f\u200e", "** **", "||\u200b||", "__ __"],
)
async def test_what_nobody_can_read_is_no_answer(bot: Bot, nothing: str):
    """The reply is the prompt, which a person can only write with something visible in it."""
    room = bot.discord.channel()
    await bot.ask(room, bot.discord.user(), f"<think>hm</think>{nothing}")
    (answer,) = await answer_in(bot.discord, room)
    assert "nothing to say" in answer.content
    assert bot.rows(STORED, conversation(room)) == [("",)]
    assert bot.discord.calls.of("PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me",
                                channel=room.id) == []  # fmt: skip


@pytest.mark.parametrize(
    "thoughts",
    [
        f"<think>\n{SENTENCE * 4}</think>\n\n",
        "<think></think>",
        "[THINK]Let me see[/THINK]",
    ],
)
async def test_thoughts_are_neither_shown_nor_stored_nor_sent_back(bot: Bot, thoughts: str):
    ann = bot.discord.user()
    room = bot.discord.dm(ann)
    await bot.discord.say(room, ann, f"{thoughts}The answer is **42**.")
    (answer,) = await answer_in(bot.discord, room)
    assert shown([answer]) == "The answer is **42**."
    for revision in answer.revisions:
        assert "think" not in revision.content.lower() or "🤔" in revision.content
        assert "One more" not in revision.content
    assert bot.rows(STORED, conversation(room)) == [("The answer is **42**.",)]
    await rated(bot.discord, answer)


async def test_a_sign_says_that_it_thinks(bot: Bot):
    room = bot.discord.channel()
    await bot.ask(room, bot.discord.user(), f"<think>{SENTENCE * 40}</think>Yes.")
    (message,) = await bot.discord.until(
        lambda: [one for one in bot.discord.from_bot(room) if "🤔" in one.content]
    )
    assert "Stop" in message.labels[0]
    (answer,) = await answer_in(bot.discord, room)
    assert answer is message
    assert shown([answer]) == "Yes."


async def test_only_thoughts_are_a_friendly_line(bot: Bot):
    room = bot.discord.channel()
    await bot.ask(room, bot.discord.user(), f"<think>{SENTENCE}")
    (answer,) = await answer_in(bot.discord, room)
    assert "thought about it" in answer.content
    assert bot.rows(STORED, conversation(room)) == [("",)]


async def test_a_template_that_opens_the_thoughts(bot: Bot):
    """Only the end of them comes. From the second answer on that is known beforehand."""
    room, ann = bot.discord.channel(), bot.discord.user()
    for number in (1, 2):
        await bot.ask(room, ann, f"{SENTENCE * 3}\n</think>\n\nNumber {number}.")
        await answers_in(bot.discord, room, number)
    first, second = bot.discord.from_bot(room)
    assert [shown([first]), shown([second])] == ["Number 1.", "Number 2."]
    assert not any("One more" in one.content for one in second.revisions)
    await bot.ask(room, ann, "No thoughts any more.")
    *_, third = await answers_in(bot.discord, room, 3)
    assert shown(third) == "No thoughts any more."


async def test_a_spoiler_that_is_cut_stays_a_spoiler(bot: Bot):
    room = bot.discord.channel()
    await bot.ask(room, bot.discord.user(), f"||{(SENTENCE * 44).strip()}|| said the cook.")
    messages = await answer_in(bot.discord, room)
    assert len(messages) > 1
    for message in messages:
        for revision in message.revisions:
            text = revision.content.split("\n-# ")[0].strip()
            assert text.count("||") % 2 == 0, f"it is split open: {text[-60:]!r}"
    assert messages[1].content.startswith("||")
