"""Messages, reactions, threads and permissions over REST, and the events they make."""

import io

import aiohttp
import discord as library
import pytest
from discord.http import Route

from tests.discord_server.driver import Discord
from tests.discord_server.plain_client import PlainClient
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import File
from tests.discord_server.state.permissions import Permission
from tests.discord_server.state.places import Channel

DOWNLOAD = "GET /attachments/{attachment}/{name}"


@pytest.fixture
async def room(discord: Discord, client: PlainClient) -> Channel:
    channel = discord.channel("room")
    await discord.until(lambda: client.get_channel(channel.id))
    return channel


async def seen(discord: Discord, client: PlainClient, count: int = 1) -> list[library.Message]:
    await discord.until(lambda: len(client.heard("message")) >= count)
    return client.heard("message")


async def test_a_reply_is_edited_and_deleted(discord: Discord, client: PlainClient, room: Channel):
    ann = discord.user("Ann")
    question = await discord.say(room, ann, f"{discord.me.mention} hi")
    (heard,) = await seen(discord, client)
    assert heard.author.display_name == "Ann"
    assert heard.mentions == [client.user]
    sent = await heard.reply("one", file=library.File(io.BytesIO(b"notes"), "notes.txt"))
    (reply,) = discord.replies(question)
    assert reply.mentions == [ann]
    assert [file.data for file in reply.files] == [b"notes"]
    await sent.edit(content="two")
    assert [revision.content for revision in reply.revisions] == ["one", "two"]
    await sent.delete()
    assert reply.deleted
    assert discord.from_bot(room) == []
    await discord.until(lambda: client.heard("raw_message_delete"))
    with pytest.raises(library.NotFound) as caught:
        await sent.edit(content="three")
    assert caught.value.code == 10008


async def test_an_attachment_can_be_read(discord: Discord, client: PlainClient, room: Channel):
    file = File(0, "notes.txt", b"some notes", "text/plain; charset=utf-8")
    await discord.say(room, discord.user(), "", files=[file])
    (heard,) = await seen(discord, client)
    assert await heard.attachments[0].read() == b"some notes"
    assert heard.attachments[0].size == 10
    (call,) = discord.calls.of(DOWNLOAD)
    assert call.path.endswith("/notes.txt")
    discord.fault(FaultKind.CUT, DOWNLOAD, times=2)  # aiohttp asks a second time
    with pytest.raises(aiohttp.ClientError):
        await heard.attachments[0].read()
    discord.world.files.clear()
    with pytest.raises(library.NotFound):
        await heard.attachments[0].read()


async def test_people_edit_and_delete(discord: Discord, client: PlainClient, room: Channel):
    message = await discord.say(room, discord.user(), "first")
    await discord.edit(message, "second")
    await discord.delete(message)
    await discord.until(lambda: client.heard("message_delete"))
    assert [event.message.content for event in client.heard("raw_message_edit")] == ["second"]


async def test_reactions_come_and_go(discord: Discord, client: PlainClient, room: Channel):
    ann, bob = discord.user("Ann"), discord.user("Bob")
    message = await discord.say(room, ann, "rate me")
    (heard,) = await seen(discord, client)
    await heard.add_reaction("👍")
    await discord.react(message, ann, "👍")
    await discord.react(message, bob, "👎🏽", burst=True)
    await discord.unreact(message, bob, "👎🏽", burst=True)
    await discord.until(lambda: client.heard("raw_reaction_remove"))
    added = client.heard("raw_reaction_add")
    assert [str(event.emoji) for event in added] == ["👍", "👍", "👎🏽"]
    assert [event.burst for event in added] == [False, False, True]
    assert message.reactions == {"👍": {discord.me.id, ann.id}}
    again = await heard.fetch()
    assert {one.name async for one in again.reactions[0].users()} == {"fungpt", "ann"}
    await discord.react(message, bob, "👍", burst=True)
    (both,) = (await heard.fetch()).reactions
    assert (both.normal_count, both.burst_count) == (2, 1)
    burst = library.ReactionType.burst
    assert [one.name async for one in both.users(type=burst)] == ["bob"]
    assert client.user is not None
    await heard.remove_reaction("👍", client.user)
    await discord.clear_reactions(message, "👍")
    await discord.clear_reactions(message)
    await discord.until(lambda: client.heard("raw_reaction_clear"))
    assert client.heard("raw_reaction_clear_emoji")
    assert message.reactions == {}


async def test_a_text_pings_only_whom_it_may(discord: Discord, client: PlainClient, room: Channel):
    ann, bob = discord.user("Ann"), discord.user("Bob")
    channel = client.room(room)
    text = f"@everyone {ann.mention} {bob.mention}"
    await channel.send(text, allowed_mentions=library.AllowedMentions.none())
    only_ann = library.AllowedMentions(users=[library.Object(ann.id)], everyone=False)
    await channel.send(text, allowed_mentions=only_ann)
    await channel.send(text)
    none, one, both = discord.from_bot(room)
    assert (none.mentions, none.mentions_everyone) == ([], False)
    assert (one.mentions, one.mentions_everyone) == ([ann], False)
    assert both.mentions == [ann, bob]
    assert not both.mentions_everyone, "the bot may not do that here"


async def test_what_discord_refuses_is_refused(
    discord: Discord, client: PlainClient, room: Channel
):
    channel = client.room(room)
    with pytest.raises(library.HTTPException, match="Must be between 0 and 2000"):
        await channel.send("x" * 2001)
    with pytest.raises(library.HTTPException, match="empty"):
        await channel.send(" ")
    message = await discord.say(room, discord.user(), "mine")
    with pytest.raises(library.Forbidden, match="another user"):
        await channel.get_partial_message(message.id).edit(content="yours")
    discord.deny(room, None, Permission.SEND_MESSAGES | Permission.ADD_REACTIONS)
    with pytest.raises(library.Forbidden, match="Missing Permissions"):
        await channel.send("hello")
    with pytest.raises(library.Forbidden, match="Missing Permissions"):
        await channel.get_partial_message(message.id).add_reaction("👍")
    discord.deny(room, discord.me, Permission.VIEW_CHANNEL)
    with pytest.raises(library.Forbidden, match="Missing Access"):
        await channel.typing()


async def test_history_and_threads(discord: Discord, client: PlainClient, room: Channel):
    messages = [await discord.say(room, discord.user(), str(number)) for number in range(5)]
    heard = await seen(discord, client, 5)
    channel = client.room(room)
    before = [one.content async for one in channel.history(limit=2, before=heard[3])]
    assert before == ["2", "1"]
    after = [one.content async for one in channel.history(limit=2, after=heard[1])]
    assert after == ["2", "3"]
    thread = await heard[0].create_thread(name="more")
    assert thread.id == messages[0].id
    await thread.send("in here")
    assert discord.from_bot(discord.world.channel(thread.id))[0].content == "in here"
    theirs = discord.thread(room, discord.user())
    await discord.until(lambda: client.room(room).get_thread(theirs.id))


async def test_a_nonce_that_is_enforced_sends_once(discord: Discord, client: PlainClient):
    room = discord.channel()

    async def send() -> None:
        await client.http.request(
            Route("POST", "/channels/{channel_id}/messages", channel_id=room.id),
            json={"content": "once", "nonce": "n1", "enforce_nonce": True},
        )

    for _ in range(2):
        await send()
    assert len(discord.from_bot(room)) == 1
    discord.forget_nonces()
    await send()
    assert len(discord.from_bot(room)) == 2
