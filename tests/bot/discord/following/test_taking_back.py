import asyncio

import discord
import pytest

from bot.discord.answer import removal as module
from bot.discord.api.refusals import RefusalLog
from bot.discord.asking.places import AGAIN_S, Places
from bot.discord.following.remarks import Remarks
from bot.discord.following.taking_back import TakingBack
from data.errors import StoreError
from tests.bot.discord.scene import only, stage_of
from tests.bot.rig import ManualClock

stage = stage_of(only())


@pytest.fixture
def waits(monkeypatch):
    """How long it would wait between tries."""
    seconds: list[float] = []

    async def note(wait_s: float) -> None:
        seconds.append(wait_s)

    monkeypatch.setattr(asyncio, "sleep", note)
    return seconds


async def text_of(stage, answer):
    return (await stage.store.answer_for(answer.request_id)).text


async def test_all_messages_of_an_answer_go_then_its_words(stage):
    answer, messages = await stage.answered(parts=2)
    await TakingBack(stage.bot, stage.store).take_back(answer.request_id)
    assert stage.channel.history() == []
    assert len(messages) == 2
    assert await text_of(stage, answer) == ""


async def test_the_words_can_stay(stage):
    answer, _ = await stage.answered()
    await TakingBack(stage.bot, stage.store).take_back(answer.request_id, forget=False)
    assert stage.channel.history() == []
    assert await text_of(stage, answer) == "Hello"


async def test_a_message_that_is_gone_already_is_no_fault(stage):
    answer, (message,) = await stage.answered()
    await stage.partial(message).delete()
    await TakingBack(stage.bot, stage.store).take_back(answer.request_id)
    assert await text_of(stage, answer) == ""


async def test_where_discord_fails_it_is_tried_again_and_left_to_the_next_start(stage, waits):
    answer, _ = await stage.answered()
    stage.env.inject_error("DELETE", "/channels/*/messages/*", status=501, times=None)
    await TakingBack(stage.bot, stage.store).take_back(answer.request_id)
    assert waits == list(module.AGAIN_S)
    assert await text_of(stage, answer) == "Hello", "what is still there can still be found"


@pytest.mark.parametrize(
    ("status", "code", "goes"),
    [
        (401, 0, False),
        (400, 20028, False),  # the channel's limit of writes
        (400, 40006, False),  # switched off for a while
        (403, 130000, False),  # overloaded
        (400, 987654, False),  # never seen before
        (404, 10003, True),
        (403, 50001, True),
    ],
)
async def test_words_stay_in_the_store_as_long_as_their_message_stands(
    stage, waits, status, code, goes
):
    answer, _ = await stage.answered()
    stage.env.inject_error("DELETE", "/channels/*/messages/*", status=status, code=code, times=None)
    await TakingBack(stage.bot, stage.store).take_back(answer.request_id)
    assert await text_of(stage, answer) == ("" if goes else "Hello")


async def test_what_is_refused_for_a_while_is_deleted_later(stage, waits):
    answer, _ = await stage.answered()
    stage.env.inject_error("DELETE", "/channels/*/messages/*", status=401, times=2)
    await TakingBack(stage.bot, stage.store).take_back(answer.request_id)
    assert waits == list(module.AGAIN_S[:2])
    assert stage.channel.history() == []
    assert await text_of(stage, answer) == ""


async def test_a_message_in_an_archived_thread_is_deleted_all_the_same(stage, waits):
    thread = stage.thread()
    answer, _ = await stage.answered(channel=thread)
    stage.env.inject_error("DELETE", "/channels/*/messages/*", status=400, code=50083)
    await TakingBack(stage.bot, stage.store).take_back(answer.request_id)
    assert thread.history() == []
    assert waits == []


async def test_a_store_that_fails_is_logged(stage, monkeypatch, caplog):
    async def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(stage.store, "messages_of", fail)
    await TakingBack(stage.bot, stage.store).take_back(1)
    assert "could not be taken back: the disk is full" in caplog.text


async def test_one_remark_stands_under_a_message(stage):
    said = await stage.bob.send(stage.channel, "hello")
    message = await stage.partial(said).fetch()
    remarks = Remarks(stage.bot, RefusalLog())
    await remarks.say(message, "one")
    await remarks.say(message, "two")
    assert [one.content for one in stage.channel.history()][1:] == ["two"]
    await remarks.take_away(message.id)
    await remarks.take_away(message.id)
    assert [one.content for one in stage.channel.history()] == ["hello"]


async def test_an_unknown_place_is_looked_up_once_in_a_while(stage):
    time = ManualClock()
    places = Places(stage.bot, time.clock)
    said = await stage.bob.send(stage.thread(), "hello")
    message = await stage.partial(said).fetch()
    message.guild = stage.bot.get_guild(stage.guild.id)
    place = message.channel
    partial = stage.bot.get_partial_messageable(place.id, guild_id=stage.guild.id)
    calls = [one for one in stage.env.http_requests if one.method == "GET"]
    message.channel = partial
    stage.env.inject_error("GET", "/channels/*", status=403, code=50001)
    for _ in range(2):
        assert (await places.in_full(message)).channel is partial
    time.advance(AGAIN_S)
    assert (await places.in_full(message)).channel.id == place.id
    assert message.channel is not partial
    message.channel = partial
    found = places.known(message).channel
    assert isinstance(found, discord.Thread)
    assert found.parent_id == stage.channel.id
    gets = [one for one in stage.env.http_requests if one.method == "GET"]
    assert len(gets) - len(calls) == 2
    await asyncio.gather(*(places.in_full(message) for _ in range(2)))
