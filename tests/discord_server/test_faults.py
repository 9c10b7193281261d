"""Rate limits and faults, as discord.py meets them."""

from typing import Any

import aiohttp
import discord as library
import pytest
from discord.http import Route

from tests.discord_server.driver import Discord
from tests.discord_server.plain_client import PlainClient
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.places import Channel

SEND = "POST /channels/{channel}/messages"


@pytest.fixture
async def room(discord: Discord, client: PlainClient) -> Channel:
    channel = discord.channel("room")
    await discord.until(lambda: client.get_channel(channel.id))
    return channel


async def test_an_announced_limit_is_kept_without_a_429(
    discord: Discord, client: PlainClient, room: Channel
):
    discord.limit(SEND, 2, 0.2)
    for number in range(4):
        await client.room(room).send(str(number))
    calls = discord.calls.of(SEND, channel=room.id)
    assert [call.status for call in calls] == [200] * 4
    assert calls[2].at - calls[0].at >= 0.2


async def test_a_hidden_limit_is_a_429_that_is_waited_for(
    discord: Discord, client: PlainClient, room: Channel
):
    discord.limit(SEND, 1, 0.2, hidden=True)
    for number in range(2):
        await client.room(room).send(str(number))
    assert [call.status for call in discord.calls.of(SEND)] == [200, 429, 200]
    assert [one.content for one in discord.from_bot(room)] == ["0", "1"]


async def test_limits_are_kept_by_channel(discord: Discord, client: PlainClient, room: Channel):
    discord.limit(SEND, 1, 30.0, hidden=True)
    other = discord.channel()
    await client.room(room).send("here")
    await discord.until(lambda: client.get_channel(other.id))
    await client.room(other).send("there")
    assert {call.status for call in discord.calls.of(SEND)} == {200}


@pytest.mark.parametrize(
    ("kind", "details", "error"),
    [
        (FaultKind.STATUS, {"status": 503}, library.DiscordServerError),
        (FaultKind.FORBIDDEN, {}, library.Forbidden),
        (FaultKind.CUT, {}, aiohttp.ClientError),
    ],
)
async def test_faults_reach_the_client(
    discord: Discord, client: PlainClient, room: Channel, kind: FaultKind, details: dict[str, Any],
    error: type[Exception],
):  # fmt: skip
    fault = discord.fault(kind, SEND, **details)
    with pytest.raises(error):
        await client.room(room).send("hello")
    assert fault.struck == 1
    await client.room(room).send("hello again")
    assert [one.content for one in discord.from_bot(room)] == ["hello again"]


async def test_a_502_and_an_unannounced_429_are_tried_again(
    discord: Discord, client: PlainClient, room: Channel
):
    discord.fault(FaultKind.LIMITED, SEND, seconds=0.05)
    discord.fault(FaultKind.STATUS, SEND)
    await client.room(room).send("hello")
    assert [call.status for call in discord.calls.of(SEND)] == [429, 502, 200]


async def test_an_answer_that_gets_lost_was_done(
    discord: Discord, client: PlainClient, room: Channel
):
    discord.fault(FaultKind.LOST, SEND)
    with pytest.raises(aiohttp.ClientError):
        await client.room(room).send("hello")
    assert len(discord.from_bot(room)) == 1


async def test_a_late_answer_comes(discord: Discord, client: PlainClient, room: Channel):
    discord.fault(
        FaultKind.LATE, SEND, seconds=0.1, where=lambda call: "hi" in call.body["content"]
    )
    before = discord.now
    await client.room(room).send("quick")
    await client.room(room).send("hi")
    assert discord.now - before >= 0.1
    discord.in_order_again()


async def test_a_slow_answer_was_done_before_it_came(
    discord: Discord, client: PlainClient, room: Channel
):
    discord.fault(FaultKind.SLOW, SEND, seconds=0.2)
    before = discord.now
    await client.room(room).send("hello")
    (message,) = discord.from_bot(room)
    assert message.revisions[0].at - before < 0.2 <= discord.now - before


async def test_an_event_may_come_twice(discord: Discord, client: PlainClient, room: Channel):
    message = await discord.say(room, discord.user(), "hello")
    await discord.say_again(message)
    await discord.until(lambda: [one.id for one in client.heard("message")] == [message.id] * 2)


async def test_an_unknown_route_is_loud(discord: Discord, client: PlainClient):
    with pytest.raises(library.NotFound):
        await client.http.request(Route("GET", "/voice/regions"))
    with pytest.raises(AssertionError, match="unknown route GET /voice/regions"):
        await discord.until(lambda: False)
    discord.world.watch.problems.clear()


async def test_until_says_what_happened(discord: Discord, client: PlainClient):
    with pytest.raises(AssertionError, match=r"(?s)pigs fly.*GET /users/@me"):
        await discord.until(lambda: False, "pigs fly", limit_s=0.05)
