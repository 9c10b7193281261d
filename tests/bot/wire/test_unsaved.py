"""The store fails as an answer ends: what people have read stays, and there is one answer ever."""

import os
import signal
from itertools import dropwhile

import pytest

from tests.bot.wire.broken_store import locked, without
from tests.bot.wire.reading import (
    SENTENCE,
    answer_in,
    begun_in,
    conversation,
    is_done,
    rated,
    shown,
    small_print,
)
from tests.discord_server.state.messages import Message
from tests.discord_server.state.places import Channel
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = (SENTENCE * 4).strip()
STORED = """
    SELECT state, attempts, text FROM requests JOIN answers ON request_id = requests.id
    WHERE conversation = ?
"""
bot = bot_of_a_file(settings={"DRAIN_S": "5"})


def never_erased(message: Message, text: str = TEXT) -> None:
    """Once text was there, no revision had less of it in favour of a note."""
    seen = [one.content for one in message.revisions if "One more" in one.content]
    after = message.revisions[[one.content for one in message.revisions].index(seen[0]) :]
    assert [one.content for one in after] == seen
    whole = [one for one in seen if text in one]
    assert seen[-len(whole) :] == whole, "what was whole stays whole"


async def ended_before_the_eyes(bot: Bot, room: Channel) -> Message:
    """Wait until people see a whole answer; the store cannot know of it yet."""
    (message,) = await answer_in(bot.discord, room)
    assert shown([message]) == f"tuned: {TEXT}"
    assert "⚠️" not in message.content
    assert bot.rows("SELECT state FROM requests WHERE conversation = ?", conversation(room)) == [
        ("running",)
    ]
    return message


async def test_a_locked_store_gets_the_answer_later(bot: Bot):
    room = bot.discord.channel()
    await bot.ask(room, bot.discord.user(), TEXT)
    await begun_in(bot.discord, room)
    with locked(bot):
        message = await ended_before_the_eyes(bot, room)
    await bot.until_rows(STORED, [("finished", 1, f"tuned: {TEXT}")], conversation(room))
    await rated(bot.discord, message)
    assert bot.discord.from_bot(room) == [message]
    never_erased(message)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_store_that_stays_broken_learns_of_it_at_the_next_start(
    bot: Bot, how: signal.Signals
):
    room = bot.discord.channel()
    await bot.ask(room, bot.discord.user(), TEXT)
    await begun_in(bot.discord, room)
    with without(bot, "answers"):
        message = await ended_before_the_eyes(bot, room)
        await bot.end(how)
        assert is_done(message)
    await bot.start()
    await bot.until_rows(STORED, [("finished", 1, f"tuned: {TEXT}")], conversation(room))
    await rated(bot.discord, message)
    assert bot.discord.from_bot(room) == [message]
    assert small_print([message]) == "tuned"
    never_erased(message)


async def test_a_stop_is_kept_though_the_store_cannot_keep_it(bot: Bot):
    room, ann = bot.discord.channel(), bot.discord.user()
    await bot.ask(room, ann, TEXT * 5)
    message = await begun_in(bot.discord, room)
    with without(bot, "answers"):
        await bot.discord.click(message, ann, "Stop")
        await answer_in(bot.discord, room)
        said = shown([message])
        await bot.end(signal.SIGKILL)
    await bot.start()
    await bot.until_rows(STORED, [("stopped", 1, said)], conversation(room))
    assert bot.discord.from_bot(room) == [message]
    assert "stopped" in small_print([message])


def goes_on_after_note(contents: list[str]) -> bool:
    """Whether text of the second try stands there; the first one's has notes, or none before it.

    The notes say that the worker is restarted, wakes up, and begins anew.
    """
    noted = [any(sign in content for sign in "🔧💤") for content in contents]
    after = dropwhile(lambda one: not one[0], zip(noted, contents, strict=True))
    return any("One more" in content and not has_note for has_note, content in after)


async def test_half_an_answer_stays_with_a_note_when_the_worker_dies_twice(bot: Bot):
    room = bot.discord.channel()
    await bot.ask(room, bot.discord.user(), TEXT * 8)
    message = await begun_in(bot.discord, room)
    os.kill(await bot.worker(), signal.SIGKILL)
    attempts = "SELECT attempts FROM requests WHERE conversation = ?"
    await bot.until_rows(attempts, [(2,)], conversation(room))
    await bot.discord.until(lambda: goes_on_after_note([one.content for one in message.revisions]))
    os.kill(await bot.worker(), signal.SIGKILL)
    await bot.discord.until(lambda: "⚠️" in message.content)
    assert "One more" in message.content, "half an answer stays, with a note"
    assert not message.buttons


async def test_a_message_that_nobody_noted_is_found_again(bot: Bot):
    """Its number was never stored; Discord has forgotten the nonce, too."""
    room = bot.discord.channel()
    with without(bot, "request_messages"):
        question = await bot.ask(room, bot.discord.user(), TEXT)
        (message,) = await answer_in(bot.discord, room)
        await bot.end(signal.SIGKILL)
    bot.discord.forget_nonces()
    await bot.start()
    noted = "SELECT message_id FROM answer_messages WHERE channel_id = ?"
    await bot.until_rows(noted, [(str(message.id),)], str(room.id))
    await rated(bot.discord, message)
    assert bot.discord.from_bot(room) == [message]
    assert message.reference is question
    never_erased(message)
