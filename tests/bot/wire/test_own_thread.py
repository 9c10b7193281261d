"""A channel in which each answer gets a thread of its own."""

import signal

import pytest

from tests.bot.wire.reading import (
    SENTENCE,
    answer_in,
    answers_in,
    begun_in,
    conversation,
    rated,
    shown,
)
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import Message
from tests.discord_server.state.permissions import Permission
from tests.discord_server.state.places import Channel
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPEN = "POST /channels/{channel}/messages/{message}/threads"
bot = bot_of_a_file(script={"reply": "{turns}: {prompt}"})


async def threaded(bot: Bot) -> Channel:
    """A channel for which the setting is on."""
    room = bot.discord.channel()
    said = await bot.discord.slash(room, bot.discord.world.owner, "settings threads", on=True)
    await bot.discord.settled(said)
    return room


async def thread_of(bot: Bot, question: Message) -> Channel:
    """Wait for the thread that hangs on a question."""
    await bot.discord.until(lambda: question.id in bot.discord.world.channels)
    return bot.discord.world.channels[question.id]


async def test_a_question_opens_a_thread_with_its_title(bot: Bot):
    room, ann = await threaded(bot), bot.discord.user("Ann")
    question = await bot.ask(room, ann, "**Is** a hot dog a `sandwich`?")
    thread = await thread_of(bot, question)
    (answer,) = await answer_in(bot.discord, thread)
    assert thread.name == "Is a hot dog a sandwich?"
    assert ann.id in thread.thread_members
    assert shown([answer]) == "1: **Is** a hot dog a `sandwich`?"
    assert bot.discord.from_bot(room) == []
    await rated(bot.discord, answer)
    await bot.discord.say(thread, ann, "and a taco?")
    _, (second,) = await answers_in(bot.discord, thread, 2)
    assert shown([second]) == "3: and a taco?", "question and answer are known"


async def test_an_edited_question_is_answered_in_its_thread(bot: Bot):
    room, ann = await threaded(bot), bot.discord.user("Ann")
    question = await bot.ask(room, ann, "one?")
    thread = await thread_of(bot, question)
    (answer,) = await answer_in(bot.discord, thread)
    await bot.discord.edit(question, f"{bot.discord.me.mention} two?")
    await bot.discord.until(lambda: "Answer the edit" in answer.labels)
    await bot.discord.click(answer, ann, "Answer the edit")
    _, (second,) = await answers_in(bot.discord, thread, 2)
    assert shown([second]).endswith(": two?")
    assert bot.discord.from_bot(room) == []


async def test_killed_in_the_middle_it_goes_on_in_the_thread(bot: Bot):
    room = await threaded(bot)
    question = await bot.ask(room, bot.discord.user(), SENTENCE * 6)
    thread = await thread_of(bot, question)
    first = await begun_in(bot.discord, thread)
    await bot.end(signal.SIGKILL)
    await bot.start()
    assert await answer_in(bot.discord, thread) == [first]
    assert bot.discord.from_bot(room) == []


async def test_without_the_permission_it_answers_in_place_and_says_so_once(bot: Bot):
    room = await threaded(bot)
    bot.discord.deny(room, bot.discord.me, Permission.CREATE_PUBLIC_THREADS)
    for number in (1, 2):
        question = await bot.ask(room, bot.discord.user(), f"number {number}")
        messages = await bot.discord.until(lambda: bot.discord.replies(question))  # noqa: B023
        await answers_in(bot.discord, room, number)
        assert shown(messages) == f"1: number {number}"
    assert bot.log().count(f"in channel {room.id}: give me Create Public Threads there") == 1


@pytest.mark.parametrize("code", [50013, 160006, 50024])
async def test_a_thread_that_is_refused_is_an_answer_in_place(bot: Bot, code: int):
    room = await threaded(bot)
    bot.discord.fault(FaultKind.REFUSED, OPEN, status=403, code=code)
    question = await bot.ask(room, bot.discord.user(), "hello?")
    (answer,) = await answer_in(bot.discord, room)
    assert answer.reference is question
    assert f"in channel {room.id}: 403 ({code})" in bot.log()


async def test_a_title_that_is_refused_becomes_a_plain_one(bot: Bot):
    room = await threaded(bot)
    bot.discord.world.forbidden_words.add("unspeakable")
    question = await bot.ask(room, bot.discord.user(), "what is unspeakable?")
    thread = await thread_of(bot, question)
    await bot.discord.until(
        lambda: any("rules" in one.content for one in bot.discord.from_bot(thread))
    )
    assert thread.name == "A question"
    bot.discord.in_order_again()


async def test_switched_off_it_answers_in_place(bot: Bot):
    room = await threaded(bot)
    done = await bot.discord.slash(room, bot.discord.world.owner, "settings threads", on=False)
    assert "answer where I am asked" in done.messages[0].content
    question = await bot.ask(room, bot.discord.user(), "hello?")
    (answer,) = await answer_in(bot.discord, room)
    assert answer.reference is question
    assert bot.rows("SELECT 1 FROM requests WHERE conversation = ?", conversation(room)) == [(1,)]
