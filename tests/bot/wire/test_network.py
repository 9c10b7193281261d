"""A rough network: errors of the API, lost answers, a cut line, an invalid session."""

import pytest

from tests.bot.wire.reading import (
    SENTENCE,
    answer_in,
    answers_in,
    conversation,
    is_done,
    rated,
    shown,
)
from tests.discord_server.driver import Discord
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.places import Channel
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
EDIT = "PATCH /channels/{channel}/messages/{message}"
SEND = "POST /channels/{channel}/messages"
TYPING = "POST /channels/{channel}/typing"
TEXT = (SENTENCE * 4).strip()
bot = bot_of_a_file()


async def stored_once(bot: Bot, channel: Channel, count: int = 1) -> None:
    await bot.until_rows(
        "SELECT state, count(*) FROM requests WHERE conversation = ? GROUP BY state",
        [("finished", count)], conversation(channel),
    )  # fmt: skip


@pytest.mark.parametrize("route", [SEND, EDIT])
@pytest.mark.parametrize(
    ("kind", "times"),
    [(FaultKind.STATUS, 1), (FaultKind.CUT, 1), (FaultKind.LOST, 1), (FaultKind.LIMITED, 2)],
)
async def test_a_fault_loses_and_doubles_nothing(
    bot: Bot, discord: Discord, route: str, kind: FaultKind, times: int
):
    room = discord.channel()
    fault = discord.fault(kind, route, times=times, seconds=0.2)
    await bot.ask(room, discord.user(), TEXT)
    (answer,) = await answer_in(discord, room)
    assert shown([answer]) == f"tuned: {TEXT}"
    assert fault.struck == times
    assert len(discord.from_bot(room)) == 1
    await rated(discord, answer)
    await stored_once(bot, room)


async def test_without_typing_it_answers_all_the_same(bot: Bot, discord: Discord):
    room = discord.channel()
    discord.fault(FaultKind.CUT, TYPING, times=99)
    await bot.ask(room, discord.user(), TEXT)
    assert shown(await answer_in(discord, room)) == f"tuned: {TEXT}"


async def test_a_cut_line_resumes_and_nothing_is_lost_or_doubled(bot: Bot, discord: Discord):
    """One answer is being written, one question comes while the line is down."""
    room, other, ann = discord.channel(), discord.channel(), discord.user("Ann")
    identified = discord.gateway.identified
    await bot.ask(room, ann, TEXT)
    await discord.until(lambda: discord.from_bot(room))
    discord.gateway.doors.clear()
    discord.gateway.cut()
    await discord.until(lambda: not discord.gateway.connected)
    await bot.ask(other, ann, "are you there?")
    (answer,) = await answer_in(discord, room)
    assert shown([answer]) == f"tuned: {TEXT}"
    assert discord.from_bot(other) == []
    discord.gateway.doors.set()
    (late,) = await answer_in(discord, other)
    assert shown([late]) == "tuned: are you there?"
    assert discord.gateway.identified == identified
    await stored_once(bot, room)
    await stored_once(bot, other)


async def test_an_invalid_session_goes_on_with_a_new_one(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    identified = discord.gateway.identified
    await bot.ask(room, ann, TEXT)
    await discord.until(lambda: discord.from_bot(room))
    discord.gateway.invalidate()
    (answer,) = await answer_in(discord, room)
    assert shown([answer]) == f"tuned: {TEXT}"
    await discord.until_online(since=identified)
    await bot.ask(room, ann, "still there?")
    _, late = await answers_in(discord, room, 2)
    assert shown(late) == "tuned: still there?"
    assert sum(map(is_done, discord.from_bot(room))) == 2
    await stored_once(bot, room, 2)


async def test_an_event_that_comes_twice_is_answered_once(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, "once?")
    await discord.say_again(question)
    await answers_in(discord, room, 1)
    await discord.say_again(question)
    await bot.ask(room, ann, "and another")
    *_, last = await answers_in(discord, room, 2)
    assert shown(last) == "tuned: and another"
    await stored_once(bot, room, 2)
