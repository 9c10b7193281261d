"""What takes away more than a message, as a plain bot hears of it."""

from tests.discord_server.driver import Discord
from tests.discord_server.plain_client import PlainClient
from tests.discord_server.state.payloads import channel_json
from tests.discord_server.state.upheavals import delete_channel, enter, expel


async def test_a_purge_is_one_event(discord: Discord, client: PlainClient):
    room, ann = discord.channel(), discord.user("Ann")
    said = [await discord.say(room, ann, text) for text in ("one", "two")]
    await discord.delete_together(*said)
    (event,) = await discord.until(lambda: client.heard("raw_bulk_message_delete"))
    assert event.message_ids == {one.id for one in said}
    assert not room.messages


async def test_a_channel_goes_with_its_threads(discord: Discord, client: PlainClient):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    await discord.until(lambda: client.get_channel(thread.id))
    delete_channel(discord.world, room)
    await discord.until(lambda: client.heard("guild_channel_delete"))
    assert thread.id not in discord.world.channels


async def test_a_thread_can_go_alone(discord: Discord, client: PlainClient):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    await discord.until(lambda: client.get_channel(thread.id))
    delete_channel(discord.world, thread)
    (event,) = await discord.until(lambda: client.heard("raw_thread_delete"))
    assert event.thread_id == thread.id
    assert room.id in discord.world.channels


async def test_a_guild_comes_and_goes(discord: Discord, client: PlainClient):
    guild = enter(discord.world, "Elsewhere")
    await discord.until(lambda: client.get_guild(guild.id))
    expel(discord.world, guild)
    await discord.until(lambda: client.heard("guild_remove"))
    assert client.get_guild(guild.id) is None


async def test_a_preview_is_no_edit_and_a_proxy_is_no_member(discord: Discord, client: PlainClient):
    room, ann = discord.channel(), discord.user("Ann")
    said = await discord.say(room, ann, "https://example.org")
    await discord.unfurl(said, "An example")
    (event,) = await discord.until(lambda: client.heard("raw_message_edit"))
    assert event.message.edited_at is None
    assert event.message.embeds[0].title == "An example"
    await discord.proxy(room, "Ann's other", "hello")
    heard = await discord.until(lambda: client.heard("message")[1:])
    assert (heard[0].author.display_name, heard[0].author.bot) == ("Ann's other", True)
    assert heard[0].webhook_id != heard[0].application_id


async def test_a_forum_post_begins_with_its_own_message(discord: Discord, client: PlainClient):
    forum, ann = discord.forum(), discord.user("Ann")
    first = await discord.open_post(forum, ann, "Hello", "what do you think?")
    assert first.id == first.channel.id
    assert channel_json(forum)["type"] == 15
    (heard,) = await discord.until(lambda: client.heard("message"))
    assert heard.channel.parent_id == forum.id
