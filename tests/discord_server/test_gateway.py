"""Sessions, sequence numbers, resuming, intents and shards, as discord.py sees them."""

import discord as library
import pytest

from tests.discord_server.driver import Discord
from tests.discord_server.plain_client import PlainClient, connected
from tests.discord_server.server import serve


async def test_a_client_gets_ready_and_its_guild(discord: Discord, client: PlainClient):
    assert [guild.name for guild in client.guilds] == ["Test guild"]
    assert client.user is not None
    assert client.user.id == discord.me.id
    assert client.heard("ready")
    assert discord.gateway.heartbeats == 1


async def test_what_happened_while_the_line_was_cut_comes_with_the_resume(
    discord: Discord, client: PlainClient
):
    room, ann = discord.channel(), discord.user("Ann")
    discord.gateway.doors.clear()
    discord.gateway.cut()
    await discord.until(lambda: not discord.gateway.connected)
    await discord.say(room, ann, "are you there?")
    assert not client.heard("message")
    discord.gateway.doors.set()
    await discord.until(lambda: client.heard("resumed"))
    assert [one.content for one in client.heard("message")] == ["are you there?"]
    assert discord.gateway.identified == 1


@pytest.mark.parametrize("how", ["invalidate", "forget_sessions"])
async def test_an_invalid_session_is_begun_anew(discord: Discord, client: PlainClient, how: str):
    getattr(discord.gateway, how)()
    await discord.until_online(since=1)
    await discord.until(lambda: len(client.heard("ready")) == 2)
    assert not client.heard("resumed")


async def test_a_reconnect_that_was_asked_for_resumes(discord: Discord, client: PlainClient):
    discord.gateway.ask_to_reconnect()
    await discord.until(lambda: client.heard("resumed"))
    assert discord.gateway.identified == 1


async def test_a_wrong_token_is_refused(discord: Discord, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tests.discord_server.plain_client.TOKEN", "another")
    with pytest.raises(library.LoginFailure):
        async with connected(discord, monkeypatch):
            pass


async def test_the_content_is_left_out_without_the_intent(monkeypatch: pytest.MonkeyPatch):
    intents = library.Intents.default()
    async with (
        serve(content_granted=False) as discord,
        connected(discord, monkeypatch, intents) as client,
    ):
        room, ann = discord.channel(), discord.user("Ann")
        await discord.say(room, ann, "for anybody")
        await discord.say(room, ann, f"{discord.me.mention} for you")
        await discord.say(discord.dm(ann), ann, "between us")
        await discord.until(lambda: len(client.heard("message")) == 3)
        contents = [one.content for one in client.heard("message")]
        assert contents == ["", f"{discord.me.mention} for you", "between us"]
        by_rest = [one.content async for one in client.room(room).history()]
        assert by_rest == [f"{discord.me.mention} for you", ""]


async def test_a_privileged_intent_must_be_granted(monkeypatch: pytest.MonkeyPatch):
    async with serve(content_granted=False) as discord:
        with pytest.raises(library.PrivilegedIntentsRequired):
            async with connected(discord, monkeypatch):
                pass


async def test_a_guild_lives_on_its_shard(monkeypatch: pytest.MonkeyPatch):
    async with serve(shards=2) as discord:
        guilds = [discord.world.add_guild(f"of {shard}", (1000 + shard) << 22) for shard in (0, 1)]
        rooms = [discord.world.add_channel(guild, "room") for guild in guilds]
        ann = discord.user("Ann")
        async with connected(discord, monkeypatch) as client:
            await discord.until_online()
            for room in rooms:
                await discord.say(room, ann, room.guild.name if room.guild else "")
            await discord.until(lambda: len(client.heard("message")) == 2)
            assert {one.guild.shard_id: one.content for one in client.heard("message")} == {
                0: "of 0",
                1: "of 1",
            }
