"""Whom a message is for, in every place where one can talk, and what is remembered there."""

import pytest

from tests.bot.wire.broken_store import opened, without
from tests.bot.wire.reading import (
    answer_in,
    answers_in,
    command,
    is_done,
    settled,
    shown,
    still_works,
    turns,
)
from tests.discord_server.driver import Discord
from tests.discord_server.posting import hidden_thread
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import Message
from tests.discord_server.state.permissions import Permission
from tests.discord_server.state.places import Channel, Role
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEND = "POST /channels/{channel}/messages"
PUT = "INSERT OR REPLACE INTO settings (scope, scope_id, key, value) VALUES (?, ?, ?, ?)"
bot = bot_of_a_file(
    script={"reply": "{variant}, {turns} turns: {prompt}", "step_seconds": 0.001},
    settings={"QUEUE_PER_USER": "20"},
)


async def answered(bot: Bot, discord: Discord, room: Channel, *wanted: Message) -> None:
    """Of all that was said in a place, these messages are answered, and nothing else."""
    await still_works(bot)  # what came before has been judged by now
    await discord.until(
        lambda: len([one for one in discord.from_bot(room) if is_done(one)]) >= len(wanted),
        f"{len(wanted)} answers",
    )
    await settled(bot)
    replied = {one.reference for one in discord.from_bot(room)}
    assert replied == set(wanted), [one.content for one in discord.from_bot(room)]
    assert len(discord.from_bot(room)) == len(wanted)


async def put(bot: Bot, *values: str) -> None:
    """Store a setting as another version of the program might."""
    with opened(bot) as database:
        database.execute(PUT, values)


# Whom a message is for.


async def test_once_called_into_a_thread_it_knows_what_is_for_others(bot: Bot, discord: Discord):
    room, ann, alice = discord.channel(), discord.user("Ann"), discord.user("Alice")
    thread = discord.thread(room, ann)
    role = Role(discord.world.new_id(), "Cooks", 0)
    discord.guild.roles[role.id] = role
    called = await bot.ask(thread, ann, "come in")
    await answer_in(discord, thread)
    said = await discord.say(thread, alice, "I had eggs")
    (_, (mine,)) = await answers_in(discord, thread, 2)
    await discord.say(thread, ann, f"{alice.mention} lunch?")
    await discord.say(thread, ann, "and you?", reply_to=said)
    await discord.say(thread, ann, "and you?", reply_to=said, ping=False)
    await discord.say(thread, ann, f"<@&{role.id}> lunch?")
    await discord.say(thread, ann, "@here lunch?")
    hook = await discord.proxy(thread, "News", "it rains")
    await discord.say(thread, ann, "oh no", reply_to=hook)
    robot = await discord.say(thread, discord.user("Robot", bot=True), "beep")
    await discord.say(thread, ann, "be quiet", reply_to=robot, ping=False)
    await discord.say(thread, ann, f"{alice.mention} look at this", reply_to=mine, ping=False)
    both = await discord.say(thread, ann, f"{alice.mention} {discord.me.mention} lunch?")
    own = await discord.say(thread, ann, "I mean today", reply_to=both, ping=False)
    quoted = await discord.say(thread, ann, f"> {alice.mention} lunch?\nwho said that?")
    reply = await discord.say(thread, ann, "go on", reply_to=mine, ping=False)
    others = await discord.say(thread, ann, f"{discord.me.mention} and he?", reply_to=said)
    await answered(bot, discord, thread, called, said, both, own, quoted, reply, others)


async def test_in_a_channel_it_answers_who_calls_it(bot: Bot, discord: Discord):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    me = discord.me.mention
    await discord.say(room, ann, f"`{me}` is how one calls it")
    await discord.say(room, ann, f"```\n{me} hello\n```")
    await discord.say(room, ann, f"> {me} hello\nthat was funny")
    await discord.say(room, ann, f">>> so I said\n{me} hello")
    await discord.say(room, ann, "@everyone hello")
    first = await discord.say(room, ann, f"> is it?\n{me} what now")
    ((one,),) = await answers_in(discord, room)
    theirs = await discord.say(room, bob, "is that so", reply_to=one)
    await answers_in(discord, room, 2)
    quiet = await discord.say(room, bob, "really", reply_to=one, ping=False)
    await answers_in(discord, room, 3)
    pinged = await discord.say(room, bob, f"{ann.mention} is it?", reply_to=one)
    await discord.say(room, bob, "I think so", reply_to=first)
    await answered(bot, discord, room, first, theirs, quiet, pinged)


async def test_in_an_always_channel_it_leaves_others_to_each_other(bot: Bot, discord: Discord):
    room, ann, alice = discord.channel(), discord.user("Ann"), discord.user("Alice")
    await command(discord, room, discord.guild.owner, "settings always", on=True)
    one = await discord.say(room, ann, "hello")
    await answer_in(discord, room)
    await discord.say(room, ann, f"{alice.mention} lunch?")
    await discord.say(room, alice, "yes", reply_to=one)
    both = await discord.say(room, alice, f"{ann.mention} ask {discord.me.mention}")
    await answered(bot, discord, room, one, both)


async def test_a_direct_message_is_for_it_whoever_is_named(bot: Bot, discord: Discord):
    ann, alice = discord.user("Ann"), discord.user("Alice")
    room = discord.dm(ann)
    one = await discord.say(room, ann, f"what does {alice.mention} want?")
    await answer_in(discord, room)
    two = await discord.say(room, ann, "I mean this", reply_to=one)
    await answered(bot, discord, room, one, two)


# Threads and their modes.


async def test_a_threads_mode_is_set_by_its_owner_and_moderators(bot: Bot, discord: Discord):
    room, ann, bob, mod = (
        discord.channel(),
        discord.user("Ann"),
        discord.user("Bob"),
        discord.user(),
    )
    discord.allow(room, mod, Permission.MANAGE_THREADS)
    thread = discord.thread(room, ann)
    assert "only when I am called" in await command(discord, thread, bob, "thread")
    called = await bot.ask(thread, ann, "come in")
    await answer_in(discord, thread)
    assert "I answer everything" in await command(discord, thread, bob, "thread")
    assert "owner or a moderator" in await command(discord, thread, bob, "thread", mode="off")
    assert "only when" in await command(discord, thread, ann, "thread", mode="called")
    shown_to = await command(discord, thread, discord.guild.owner, "settings show")
    assert "In this thread: I answer only when I am called" in shown_to
    await discord.say(thread, ann, "not for you")
    again = await bot.ask(thread, ann, "for you")
    await answers_in(discord, thread, 2)
    assert "nothing" in await command(discord, thread, mod, "thread", mode="off")
    await bot.ask(thread, ann, "hello?")
    await discord.say(thread, ann, "hello?", reply_to=discord.from_bot(thread)[0])
    asked = await discord.slash(thread, ann, "ask", prompt="hello?")
    await discord.until(lambda: "switched off" in asked.text)
    assert all(one.ephemeral for one in asked.messages if "switched off" in one.content)
    await answered(bot, discord, thread, called, again)
    await command(discord, thread, mod, "thread", mode="always")
    last = await discord.say(thread, ann, "and now?")
    await answered(bot, discord, thread, called, again, last)
    assert "for threads" in await command(discord, room, ann, "thread")


async def test_always_holds_in_threads_and_can_be_switched_off_there_too(
    bot: Bot, discord: Discord
):
    owner, ann = discord.guild.owner, discord.user("Ann")
    room, forum = discord.channel(), discord.forum()
    thread = discord.thread(room, ann)
    await command(discord, room, owner, "settings always", on=True)
    other_post = (await discord.open_post(forum, ann, "Another post", "Hello!")).channel
    await command(discord, other_post, owner, "settings always", on=True)
    post = await discord.open_post(forum, ann, "A post", "what do you think?")
    first = await discord.say(thread, ann, "hello thread")
    here = await discord.say(room, ann, "hello channel")
    for place in (thread, room, post.channel):
        await answer_in(discord, place)
    called = discord.thread(room, ann)
    call = await bot.ask(called, ann, "come in")
    await answer_in(discord, called)
    await command(discord, room, owner, "settings always", on=False)
    await command(discord, other_post, owner, "settings always", on=False)
    for place in (thread, room, post.channel):
        await discord.say(place, ann, "not for you")
    stays = await discord.say(called, ann, "for you")
    await answered(bot, discord, thread, first)
    await answered(bot, discord, room, here)
    await answered(bot, discord, post.channel, post)
    await answered(bot, discord, called, call, stays)


async def test_a_forum_post_is_a_thread(bot: Bot, discord: Discord):
    ann = discord.user("Ann")
    post = await discord.open_post(discord.forum(), ann, "A post", f"{discord.me.mention} hello")
    await answer_in(discord, post.channel)
    more = await discord.say(post.channel, ann, "go on")
    _, (second,) = await answers_in(discord, post.channel, 2)
    assert shown([second]) == "tuned, 3 turns: go on"
    await answered(bot, discord, post.channel, post, more)


async def test_a_thread_that_it_did_not_know(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    thread = hidden_thread(discord, room, ann)
    call = await bot.ask(thread, ann, "hello")
    (answer,) = await answer_in(discord, thread)
    assert shown([answer]) == "tuned, 1 turns: hello"
    await discord.until(lambda: thread.typed_at)
    more = await discord.say(thread, ann, "go on")
    await answered(bot, discord, thread, call, more)


# What is remembered.


@pytest.mark.parametrize("place", ["dm", "thread", "post", "always", "chain"])
async def test_a_reset_draws_a_line_everywhere(bot: Bot, discord: Discord, place: str):
    room, ann = discord.channel(), discord.user("Ann")
    match place:
        case "dm":
            room = discord.dm(ann)
        case "thread":
            room = discord.thread(room, ann)
        case "post":
            room = (await discord.open_post(discord.forum(), ann, "A post", "Hello!")).channel
        case "always":
            await command(discord, room, discord.guild.owner, "settings always", on=True)
        case _:
            pass
    after = await bot.ask(room, ann, "one")
    ((first,),) = await answers_in(discord, room, after=after)
    after = await bot.ask(room, ann, "two", reply_to=first)
    ((second,),) = await answers_in(discord, room, after=after)
    assert shown([second]).startswith("tuned, 3 turns:")
    await command(discord, room, ann, "reset")
    after = await bot.ask(room, ann, "three", reply_to=second if place == "chain" else None)
    ((third,),) = await answers_in(discord, room, after=after)
    assert shown([third]) == "tuned, 1 turns: three"


async def test_what_was_asked_before_a_reset_is_before_it_though_answered_later(
    bot: Bot, discord: Discord
):
    ann = discord.user("Ann")
    room = discord.dm(ann)
    late = discord.fault(FaultKind.LATE, SEND, seconds=0.5)
    await discord.say(room, ann, "a secret")
    await discord.until(lambda: late.struck)
    await command(discord, room, ann, "reset")
    await answers_in(discord, room, 1)
    after = await discord.say(room, ann, "hello")
    ((second,),) = await answers_in(discord, room, after=after)
    assert shown([second]) == "tuned, 1 turns: hello"


async def test_a_reply_in_a_direct_message_knows_the_whole_of_it(bot: Bot, discord: Discord):
    ann = discord.user("Ann")
    room = discord.dm(ann)
    await discord.say(room, ann, "one")
    ((first,),) = await answers_in(discord, room)
    await discord.say(room, ann, "two")
    await answers_in(discord, room, 2)
    await discord.say(room, ann, "three", reply_to=first)
    *_, (third,) = await answers_in(discord, room, 3)
    assert shown([third]) == "tuned, 5 turns: three"


async def test_a_channel_has_no_memory_but_its_reply_chains(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    await bot.ask(room, ann, "one")
    await answers_in(discord, room)
    await bot.ask(room, ann, "two")
    _, (second,) = await answers_in(discord, room, 2)
    assert shown([second]) == "tuned, 1 turns: two"


async def test_a_persona_holds_in_threads_and_posts_until_they_have_their_own(
    bot: Bot, discord: Discord
):
    owner, ann = discord.guild.owner, discord.user("Ann")
    room = discord.channel()
    forum = discord.forum()
    post = (await discord.open_post(forum, ann, "A post", "Hello!")).channel
    thread = discord.thread(room, ann)
    await put(bot, "channel", str(forum.id), "persona", "Be brief.")
    await command(discord, room, owner, "persona set", text="Be brief.")
    for place in (room, thread, post):
        await bot.ask(place, ann, "hello")
        await answer_in(discord, place)
    assert await personas(bot, room, thread, post) == ["Be brief."] * 3
    await command(discord, thread, owner, "persona set", text="Be long.")
    await command(discord, room, owner, "persona clear")
    for place in (room, thread, post):
        await bot.ask(place, ann, "hello again")
        await answers_in(discord, place, 2)
    assert await personas(bot, room, thread, post) == [None, "Be long.", "Be brief."]


async def personas(bot: Bot, *rooms: Channel) -> list[str | None]:
    """The persona with which the newest question of each place was asked; None: the usual one."""
    found: list[str | None] = []
    for room in rooms:
        first = turns(bot, room)[0]
        own = first["role"] == "system" and first["content"].startswith("Be ")
        found.append(first["content"] if own else None)
    return found


# What cannot be known.


async def test_settings_of_a_newer_version_silence_it_where_nobody_called(
    bot: Bot, discord: Discord
):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    await put(bot, "channel", str(room.id), "always", "on_tuesdays")
    await put(bot, "channel", str(thread.id), "thread_mode", "on_tuesdays")
    await discord.say(room, ann, "hello")
    await discord.say(thread, ann, "hello")
    call = await bot.ask(thread, ann, "hello")
    await answered(bot, discord, room)
    await answered(bot, discord, thread, call)


async def test_limits_of_a_newer_version_fail_for_who_called_and_nobody_else(
    bot: Bot, discord: Discord
):
    room, always, ann = discord.channel(), discord.channel(), discord.user("Ann")
    await command(discord, always, discord.guild.owner, "settings always", on=True)
    place = ("guild", str(discord.guild.id), "hourly_limit")
    await put(bot, *place, "on_tuesdays")
    try:
        await discord.say(always, ann, "hello")
        for _ in range(3):  # the one that nobody hears of has been judged by then
            call = await bot.ask(room, ann, "hello")
            (told,) = await discord.until(lambda: discord.replies(call))  # noqa: B023
            assert "Something went wrong" in told.content
    finally:
        await put(bot, *place, "1000")
    await answered(bot, discord, always)


async def test_a_channel_of_which_nothing_is_known(bot: Bot, discord: Discord):
    """Neither the channel nor its server: it is no direct message for that."""
    ann = discord.user("Ann")
    unknown = discord.world.add_guild("Unknown")
    room = discord.world.add_channel(unknown, "room")
    await discord.say(room, ann, "hello")
    await bot.ask(room, ann, "hello")
    await answered(bot, discord, room)


async def test_a_store_that_cannot_be_read(bot: Bot, discord: Discord):
    """People who did not call it hear nothing, the operator reads one line."""
    room, ann = discord.channel(), discord.user("Ann")
    thread, always = discord.thread(room, ann), discord.channel()
    await command(discord, always, discord.guild.owner, "settings always", on=True)
    with without(bot, "settings"):
        for place in (room, thread, always):
            for _ in range(4):
                await discord.say(place, ann, "hello")
            said = await discord.say(place, ann, "hello")
            await discord.edit(said, "hello again")
            await discord.delete(said)
        called = await bot.ask(room, ann, "hello?")
        (told,) = await discord.until(lambda: discord.replies(called))
    assert "Something went wrong" in told.content
    assert discord.from_bot(room) == [told]
    assert discord.from_bot(thread) == discord.from_bot(always) == []
    line = "it cannot be known whether it is for me"
    await discord.until(lambda: line in bot.log())
    assert bot.log().count(line) == 1
