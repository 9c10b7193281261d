"""The bot killed, stopped, and robbed of its worker in the middle of an answer."""

import os
import signal
from pathlib import Path

from tests.bot.wire.reading import answer_in, answers_in, is_done, rated, shown
from tests.bot.wire.running import Bot, running
from tests.discord_server.driver import Discord
from tests.discord_server.messages import Message
from tests.discord_server.places import Channel

TEXT = ("One more sentence that says nothing new at all. " * 10).strip()


async def begun(bot: Bot, room: Channel) -> tuple[Message, Message]:
    """A question, and its answer once some of the text is there."""
    discord: Discord = bot.discord
    question = await bot.ask(room, discord.user(), TEXT)
    await discord.until(
        lambda: any("One more" in message.content for message in discord.from_bot(room))
    )
    return question, discord.from_bot(room)[0]


async def finished_once(bot: Bot, room: Channel, question: Message, first: Message) -> None:
    """One request, one answer, the message that was there before goes on."""
    discord = bot.discord
    messages = await answer_in(discord, room)
    assert messages == [first]
    assert first.reference is question
    assert shown(messages) == f"tuned: {TEXT}"
    await rated(discord, first)
    assert bot.rows("SELECT state, (SELECT count(*) FROM answers) FROM requests") == [
        ("finished", 1)
    ]


async def test_kill_9_in_the_middle_of_an_answer(tmp_path: Path):
    async with running(tmp_path / "home") as bot:
        room = bot.discord.channel()
        question, first = await begun(bot, room)
        assert await bot.end(signal.SIGKILL) == -signal.SIGKILL
        assert not is_done(first)
        await bot.start()
        await finished_once(bot, room, question, first)


async def test_kill_9_between_the_answer_and_its_last_edit(tmp_path: Path):
    """The answer is stored, Discord shows half of it: the next start shows the rest."""
    edit = "PATCH /channels/{channel}/messages/{message}"
    async with running(tmp_path / "home") as bot:
        room = bot.discord.channel()
        question, first = await begun(bot, room)
        bot.discord.limit(edit, 1, 3600.0, hidden=True)
        await bot.until_rows("SELECT state FROM requests", [("finished",)])
        assert not is_done(first)
        await bot.end(signal.SIGKILL)
        bot.discord.in_order_again()
        await bot.start()
        await finished_once(bot, room, question, first)


async def test_sigterm_parks_marks_and_goes_on_later(tmp_path: Path):
    async with running(tmp_path / "home", settings={"DRAIN_S": "0"}) as bot:
        room = bot.discord.channel()
        question, first = await begun(bot, room)
        assert await bot.end() == 0
        assert "💤" in first.content, "the person is told that it goes on later"
        assert not first.buttons
        assert bot.rows("SELECT state FROM requests") == [("waiting",)]
        await bot.start()
        await finished_once(bot, room, question, first)


async def test_sigterm_lets_a_short_rest_finish(tmp_path: Path):
    async with running(tmp_path / "home", settings={"DRAIN_S": "20"}) as bot:
        room = bot.discord.channel()
        question, first = await begun(bot, room)
        assert await bot.end() == 0
        assert shown([first]) == f"tuned: {TEXT}"
        assert is_done(first)
        assert bot.rows("SELECT state FROM requests") == [("finished",)]
        assert first.reference is question


async def test_the_worker_killed_in_the_middle(tmp_path: Path):
    async with running(tmp_path / "home") as bot:
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


async def test_interrupted_twice_it_ends_visibly(tmp_path: Path):
    async with running(tmp_path / "home") as bot:
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
        await bot.until_rows("SELECT state FROM requests", [("failed",)])
        await bot.discord.until(lambda: "⚠️" in first.content)
        assert bot.discord.from_bot(room) == [first]
