"""Going on with an answer that was cut at MAX_TOKENS, also after a restart."""

import signal

import pytest

from tests.bot.wire.reading import SENTENCE, answer_in, answers_in, conversation, shown, small_print
from tests.discord_server.state.interactions import Interaction
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(f"Sentence {number} of the story. " for number in range(12)).strip()
ROOM = 130  # tokens, which are bytes here
bot = bot_of_a_file(
    script={"reply": "{prompt}", "step_seconds": 0.001}, settings={"MAX_TOKENS": str(ROOM)}
)


async def told(bot: Bot, pressed: Interaction, words: str) -> None:
    """Wait until the person who pressed reads these words, alone."""
    await bot.discord.until(
        lambda: any(words in one.content and one.ephemeral for one in pressed.messages), words
    )


async def test_an_answer_goes_on_where_it_was_cut_after_restarts_and_once_only(bot: Bot):
    discord, ann, bob = bot.discord, bot.discord.user("Ann"), bot.discord.user("Bob")
    room = discord.channel()
    await bot.ask(room, ann, TEXT)
    (first,) = await answer_in(discord, room)
    assert shown([first]) == TEXT[:ROOM].strip()
    assert "cut at the length limit" in small_print([first])
    assert first.labels[0] == "Continue"
    await bot.end(signal.SIGKILL)
    await bot.start()
    await told(bot, await discord.click(first, bob, "Continue"), "Only the person who asked")
    await discord.click(first, ann, "Continue")
    (second,) = await answer_in(discord, room, after=first)
    await told(bot, await discord.click(first, ann, "Continue"), "goes on already")
    await discord.click(second, ann, "Continue")
    (third,) = await answer_in(discord, room, after=second)
    assert not any("Continue" in label for label in third.labels)
    parts = [text for (text,) in bot.rows(
        "SELECT text FROM answers JOIN requests ON request_id = requests.id"
        " WHERE conversation = ? ORDER BY requests.id", conversation(room),
    )]  # fmt: skip
    assert "".join(parts) == TEXT
    assert len(parts) == 3


async def test_the_conversation_goes_on_from_the_whole_text(bot: Bot):
    discord, ann = bot.discord, bot.discord.user()
    room = discord.channel()
    await bot.ask(room, ann, TEXT)
    (first,) = await answer_in(discord, room)
    await discord.click(first, ann, "Continue")
    (second,) = await answer_in(discord, room, after=first)
    await discord.say(room, ann, "and then?", reply_to=second)
    await answers_in(discord, room, 3)
    ((turns,),) = bot.rows(
        "SELECT turns FROM requests WHERE conversation = ? AND prompt = 'and then?'",
        conversation(room),
    )
    assert TEXT[: 2 * ROOM] in turns


async def test_what_is_complete_has_no_such_button(bot: Bot):
    room = bot.discord.channel()
    await bot.ask(room, bot.discord.user(), SENTENCE)
    (answer,) = await answer_in(bot.discord, room)
    assert answer.labels == ["Again", "Other model"]
