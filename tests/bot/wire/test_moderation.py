"""Stopping answers: after a restart, twice, by a moderator, and by somebody who may not."""

import asyncio
import signal

import pytest

from tests.bot.wire.reading import (
    SENTENCE,
    STATE,
    answers_in,
    begun_in,
    conversation,
    is_done,
    shown,
    small_print,
)
from tests.discord_server.driver import Discord
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import Message
from tests.discord_server.state.permissions import Permission
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = (SENTENCE * 40).strip()
ANSWERS = """
    SELECT state, count(answers.id) FROM requests LEFT JOIN answers ON request_id = requests.id
    WHERE conversation = ?
"""
bot = bot_of_a_file(settings={"WORKER_CONCURRENCY": "1"})


def check_stopped(answer: Message) -> None:
    """What was written is kept, and no more comes."""
    assert "stopped" in small_print([answer])
    assert is_done(answer)
    assert TEXT.startswith(shown([answer]).removeprefix("tuned: "))
    assert len(shown([answer])) < len(TEXT)


async def test_stop_pressed_after_kill_9(bot: Bot, discord: Discord):
    """On the answer that is written anew, twice at once, and on one that waits behind it."""
    room, other, ann, bob = discord.channel(), discord.channel(), discord.user(), discord.user()
    await bot.ask(room, ann, TEXT)
    written = await begun_in(discord, room)
    await bot.ask(other, bob, TEXT)
    (waiting,) = await discord.until(lambda: discord.from_bot(other))
    noted = "SELECT message_id FROM request_messages WHERE channel_id = ?"
    await bot.until_rows(noted, [(str(waiting.id),)], str(other.id))
    await bot.end(signal.SIGKILL)
    seen = len(written.revisions)
    await bot.start()
    await discord.click(waiting, bob, "Stop")
    await discord.until(lambda: waiting.content == "-# Stopped.")
    assert not waiting.buttons
    await discord.until(lambda: any("One more" in one.content for one in written.revisions[seen:]))
    await asyncio.gather(*(discord.click(written, ann, "Stop") for _ in range(2)))
    await answers_in(discord, room, 1)
    check_stopped(written)
    assert bot.rows(ANSWERS, conversation(room)) == [("stopped", 1)]
    assert bot.rows(ANSWERS, conversation(other)) == [("stopped", 0)]
    assert [*discord.from_bot(room), *discord.from_bot(other)] == [written, waiting]


async def test_a_message_sent_but_not_noted_before_kill_9_gets_the_last_word(
    bot: Bot, discord: Discord
):
    """Discord has it, the bot died before it heard so: the same nonce gives the old message."""
    room, other, ann, bob = discord.channel(), discord.channel(), discord.user(), discord.user()
    await bot.ask(room, ann, TEXT)
    written = await begun_in(discord, room)
    discord.fault(FaultKind.SLOW, "POST /channels/{channel}/messages", seconds=5.0)
    await bot.ask(other, bob, TEXT)
    (waiting,) = await discord.until(lambda: discord.from_bot(other))
    await bot.end(signal.SIGKILL)
    await bot.start()
    await discord.click(waiting, bob, "Stop")
    await discord.until(lambda: waiting.content == "-# Stopped.")
    assert not waiting.buttons
    await discord.click(written, ann, "Stop")
    await discord.until(lambda: "topped" in written.content)
    assert discord.from_bot(other) == [waiting]


async def test_a_moderator_may_stop_what_another_asked_and_nobody_else(bot: Bot, discord: Discord):
    room, elsewhere = discord.channel(), discord.channel()
    ann, bob, mod = discord.user("Ann"), discord.user("Bob"), discord.user("Mod")
    discord.allow(room, mod, Permission.MANAGE_MESSAGES)
    discord.allow(elsewhere, bob, Permission.MANAGE_MESSAGES)
    await bot.ask(room, ann, TEXT)
    answer = await begun_in(discord, room)
    refused = await discord.click(answer, bob, "Stop")
    (remark,) = refused.messages
    assert remark.ephemeral
    assert "moderator" in remark.content
    seen = len(answer.revisions)
    await discord.until(lambda: len(answer.revisions) > seen, "it goes on")
    assert bot.rows(STATE, conversation(room)) == [("running",)]
    done = await discord.click(answer, mod, "Stop")
    await answers_in(discord, room, 1)
    check_stopped(answer)
    assert done.messages == [answer]
    assert bot.rows(ANSWERS, conversation(room)) == [("stopped", 1)]
