"""A channel in which each answer gets a thread of its own."""

import signal

import pytest

from tests.bot.wire.reading import (
    SENTENCE,
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


def thread_under(bot: Bot, message: Message) -> bool:
    """Whether a thread hangs on a message."""
    return message.id in bot.discord.world.channels


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


async def test_what_a_command_asks_opens_a_thread_too(bot: Bot):
    room, ann = await threaded(bot), bot.discord.user("Ann")
    asked = await bot.discord.slash(room, ann, "ask", prompt="**Is** a hot dog a `sandwich`?")
    await bot.discord.until(lambda: asked.original and thread_under(bot, asked.original))
    assert asked.original is not None
    assert asked.original.content == ">>> **Is** a hot dog a `sandwich`?"
    thread = bot.discord.world.channels[asked.original.id]
    (answer,) = await answer_in(bot.discord, thread)
    assert shown([answer]) == "1: **Is** a hot dog a `sandwich`?"
    assert thread.name == "Is a hot dog a sandwich?"
    assert ann.id in thread.thread_members
    assert bot.discord.from_bot(room) == [asked.original]
    await rated(bot.discord, answer)
    await bot.discord.say(thread, ann, "and a taco?")
    _, (second,) = await answers_in(bot.discord, thread, 2)
    assert shown([second]) == "3: and a taco?", "question and answer are known"


async def test_asked_about_a_message_it_answers_in_a_thread_too(bot: Bot):
    room, ann = await threaded(bot), bot.discord.user("Ann")
    message = await bot.discord.say(room, bot.discord.user("Bob"), "cats are liquid")
    asked = await bot.discord.menu(message, ann, "Ask about this")
    await bot.discord.until(lambda: asked.original and thread_under(bot, asked.original))
    assert asked.original is not None
    (answer,) = await answer_in(bot.discord, bot.discord.world.channels[asked.original.id])
    assert "cats are liquid" in shown([answer])


async def test_killed_before_a_commands_thread_is_there_it_opens_it(bot: Bot):
    room, late = await threaded(bot), bot.discord.fault(FaultKind.LATE, OPEN, seconds=30)
    asked = await bot.discord.slash(room, bot.discord.user(), "ask", prompt="hello?")
    await bot.discord.until(lambda: late.struck)
    await bot.end(signal.SIGKILL)
    bot.discord.in_order_again()
    await bot.start()
    await bot.discord.until(lambda: asked.original and thread_under(bot, asked.original))
    assert asked.original is not None
    (answer,) = await answer_in(bot.discord, bot.discord.world.channels[asked.original.id])
    assert shown([answer]) == "1: hello?"


@pytest.mark.parametrize("code", [0, 50013])
async def test_a_command_is_answered_in_place_where_there_can_be_no_thread(bot: Bot, code: int):
    room = await threaded(bot)
    if code:
        bot.discord.fault(FaultKind.REFUSED, OPEN, status=403, code=code)
    else:
        bot.discord.deny(room, bot.discord.me, Permission.CREATE_PUBLIC_THREADS)
    asked = await bot.discord.slash(room, bot.discord.user(), "ask", prompt="hello?")
    (answer,) = await bot.discord.until(
        lambda: [one for one in bot.discord.from_bot(room) if is_done(one)]
    )
    assert shown([answer]) == "1: hello?"
    assert (answer.reference or answer) is asked.original


async def test_a_refused_command_leaves_nothing_in_the_channel(bot: Bot):
    room = await threaded(bot)
    prompt = "x" * 6000
    asked = await bot.discord.slash(room, bot.discord.user(), "ask", prompt=prompt, variant="none")
    await bot.discord.until(lambda: asked.settled and "none" in asked.text)
    await bot.discord.until(lambda: bot.discord.from_bot(room) == [])


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
