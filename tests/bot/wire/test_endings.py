"""The bot killed, stopped, and robbed of its worker in the middle of an answer."""

import os
import signal

import pytest

from tests.bot.wire.reading import (
    SENTENCE,
    STATE,
    answer_in,
    answers_in,
    begun_in,
    conversation,
    is_done,
    rated,
    shown,
)
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import Message
from tests.discord_server.state.places import Channel
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = (SENTENCE * 6).strip()
bot = bot_of_a_file(settings={"DRAIN_S": "0"})


async def begun(bot: Bot, room: Channel) -> tuple[Message, Message]:
    """A question, and its answer once some of the text is there."""
    question = await bot.ask(room, bot.discord.user(), TEXT)
    return question, await begun_in(bot.discord, room)


async def finished_once(bot: Bot, room: Channel, question: Message, first: Message) -> None:
    """One request, one answer, the message that was there before goes on."""
    discord = bot.discord
    messages = await answer_in(discord, room)
    assert messages == [first]
    assert first.reference is question
    assert shown(messages) == f"tuned: {TEXT}"
    await rated(discord, first)
    count = "SELECT state, count(answers.id) FROM requests JOIN answers ON request_id = requests.id"
    assert bot.rows(f"{count} WHERE conversation = ?", conversation(room)) == [("finished", 1)]


async def test_kill_9_in_the_middle_of_an_answer(bot: Bot):
    room = bot.discord.channel()
    question, first = await begun(bot, room)
    assert await bot.end(signal.SIGKILL) == -signal.SIGKILL
    assert not is_done(first)
    bot.discord.forget_nonces()
    await bot.start()
    await finished_once(bot, room, question, first)


async def test_kill_9_between_the_answer_and_its_last_edit(bot: Bot):
    """The answer is stored, Discord shows half of it: the next start shows the rest."""
    edit = "PATCH /channels/{channel}/messages/{message}"
    room = bot.discord.channel()
    question, first = await begun(bot, room)
    bot.discord.limit(edit, 1, 3600.0, hidden=True)
    await bot.until_rows(STATE, [("finished",)], conversation(room))
    assert not is_done(first)
    await bot.end(signal.SIGKILL)
    bot.discord.in_order_again()
    await bot.start()
    await finished_once(bot, room, question, first)


async def test_kill_9_before_it_hears_that_its_message_was_sent(bot: Bot):
    """The message is there, its number is stored nowhere: no second one comes."""
    send = "POST /channels/{channel}/messages"
    room = bot.discord.channel()
    bot.discord.fault(FaultKind.SLOW, send, seconds=5.0)
    question = await bot.ask(room, bot.discord.user(), TEXT)
    (first,) = await bot.discord.until(lambda: bot.discord.replies(question))
    await bot.end(signal.SIGKILL)
    await bot.start()
    await finished_once(bot, room, question, first)


async def test_the_worker_killed_in_the_middle(bot: Bot):
    room = bot.discord.channel()
    question, first = await begun(bot, room)
    worker = await bot.worker()
    os.kill(worker, signal.SIGKILL)
    await finished_once(bot, room, question, first)
    seen = [revision.content for revision in first.revisions]
    assert any("🔧" in content for content in seen), "the person is told"
    assert await bot.worker() != worker
    await bot.ask(room, bot.discord.user(), "and now?")
    _, late = await answers_in(bot.discord, room, 2)
    assert shown(late) == "tuned: and now?"


async def test_interrupted_twice_it_ends_visibly(bot: Bot):
    room = bot.discord.channel()
    _, first = await begun(bot, room)
    await bot.end(signal.SIGKILL)
    seen = len(first.revisions)
    await bot.start()
    await bot.discord.until(
        lambda: any("One more" in one.content for one in first.revisions[seen:])
    )
    await bot.end(signal.SIGKILL)
    await bot.start()
    await bot.until_rows(STATE, [("failed",)], conversation(room))
    await bot.discord.until(lambda: "⚠️" in first.content)
    assert bot.discord.from_bot(room) == [first]


async def test_sigterm_parks_what_is_long_and_lets_finish_what_is_short(bot: Bot):
    room = bot.discord.channel()
    question, first = await begun(bot, room)
    assert await bot.end() == 0
    assert "💤" in first.content, "the person is told that it goes on later"
    assert not first.buttons
    assert bot.rows(STATE, conversation(room)) == [("waiting",)]
    bot.program.settings["DRAIN_S"] = "20"
    await bot.start()
    await finished_once(bot, room, question, first)
    other = bot.discord.channel()
    _, answer = await begun(bot, other)
    assert await bot.end() == 0
    assert shown([answer]) == f"tuned: {TEXT}"
    assert is_done(answer)
    assert bot.rows(STATE, conversation(other)) == [("finished",)]
