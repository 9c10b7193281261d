"""The model sees what the person sees: whatever Discord shows as content reaches the prompt."""

import asyncio

import pytest

from tests.bot.wire.reading import answer_in, answers_in, asked
from tests.discord_server.driver import Discord
from tests.discord_server.posting import (
    THREAD_CREATED,
    forward,
    hidden_thread,
    link,
    post,
    private_thread,
    thread_on,
)
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import COMPONENTS_V2, File
from tests.discord_server.state.permissions import Permission
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
MESSAGE = "GET /channels/{channel}/messages/{message}"
MESSAGES = "GET /channels/{channel}/messages"
POEM = "Roses are red,\nviolets are blue."
EMBED = {
    "type": "rich", "author": {"name": "News"}, "title": "Moon made of cheese",
    "description": "Scientists agree.", "fields": [{"name": "Kind", "value": "Brie"}],
    "footer": {"text": "page 3"},
}  # fmt: skip
POLL = {
    "question": {"text": "Best cake?"}, "allow_multiselect": False, "layout_type": 1,
    "expiry": "2030-01-01T00:00:00+00:00",
    "answers": [
        {"answer_id": 1, "poll_media": {"text": "Carrot", "emoji": {"id": None, "name": "🥕"}}},
        {"answer_id": 2, "poll_media": {"text": "Cheese"}},
    ],
    "results": {
        "is_finalized": False,
        "answer_counts": [{"id": 1, "count": 3, "me_voted": False}],
    },
}  # fmt: skip
bot = bot_of_a_file(script={"reply": "Fine.", "step_seconds": 0.0})


async def test_a_thread_begins_with_the_message_that_it_hangs_on(bot: Bot, discord: Discord):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    poem = await discord.say(room, ann, POEM)
    thread = thread_on(discord, poem, ann, "Poem")
    await bot.ask(thread, ann, "what do you think of my poem?")
    first = await answer_in(discord, thread)
    assert asked(bot, thread) == [f"{POEM}\nwhat do you think of my poem?"]
    await bot.ask(thread, bob, "and which line is best?", reply_to=first[-1])
    await answers_in(discord, thread, 2)
    assert asked(bot, thread) == [
        f"Ann: {POEM}\nAnn: what do you think of my poem?", "Fine.", "Bob: and which line is best?"
    ]  # fmt: skip
    done = await discord.slash(thread, bob, "ask", prompt="by command")
    await discord.settled(done)
    await answers_in(discord, thread, 3)
    assert asked(bot, thread)[0].startswith(f"Ann: {POEM}")


async def test_a_post_has_a_title_and_a_first_message(bot: Bot, discord: Discord):
    forum, ann, bob = discord.forum(), discord.user("Ann"), discord.user("Bob")
    first = await discord.open_post(forum, ann, "Best cake?", "I vote for carrot.")
    thread = first.channel
    await bot.ask(thread, bob, "and you?")
    await answer_in(discord, thread)
    assert asked(bot, thread) == ["Ann: I vote for carrot.\n[post: Best cake?]\nBob: and you?"]
    text = f"{discord.me.mention} and cheese?"
    other = (await discord.open_post(forum, ann, "Is this cake?", text)).channel
    await answer_in(discord, other)
    assert asked(bot, other) == ["and cheese?\n[post: Is this cake?]"]


async def test_a_forward_is_content(bot: Bot, discord: Discord):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    notes = File(0, "notes.txt", b"buy milk", "text/plain")
    original = await post(discord, room, bob, POEM, files=[notes], embeds=[EMBED])
    alone = discord.dm(ann)
    await forward(discord, original, alone, ann)
    await answer_in(discord, alone)
    (prompt,) = asked(bot, alone)
    for part in (f"[forwarded message]\n{POEM}", "Moon made of cheese", "notes.txt:\nbuy milk"):
        assert part in prompt
    other = discord.channel()
    forwarded = await forward(discord, original, other, bob)
    await bot.ask(other, ann, "", reply_to=forwarded)
    await answer_in(discord, other)
    (prompt,) = asked(bot, other)
    assert prompt.startswith(f"Bob: [forwarded message]\n{POEM}")
    assert prompt.endswith("Ann: What do you think about this?")
    assert "buy milk" in prompt


@pytest.mark.parametrize("how", ["reply", "menu", "link"])
async def test_what_a_bot_shows_is_read_where_somebody_points_at_it(
    bot: Bot, discord: Discord, how: str
):
    room, other, ann = discord.channel(), discord.channel(), discord.user("Ann")
    robot = discord.user("Robot", bot=True)
    layout = [
        {"type": 17, "id": 1, "components": [
            {"type": 10, "id": 2, "content": "In a box"},
            {"type": 9, "id": 3, "components": [{"type": 10, "id": 4, "content": "In a section"}],
             "accessory": {"type": 11, "id": 5, "media": {"url": "http://x/y.png"},
                           "description": "A moon"}},
        ]},
    ]  # fmt: skip
    shown = await post(discord, room, robot, embeds=[EMBED], components=layout,
                       flags=COMPONENTS_V2)  # fmt: skip
    if how == "reply":
        await bot.ask(room, ann, "true?", reply_to=shown)
        place = room
    elif how == "menu":
        await discord.settled(await discord.menu(shown, ann, "Ask about this"))
        place = room
    else:
        await bot.ask(other, ann, f"true? {link(shown)}")
        place = other
    await answer_in(discord, place)
    (prompt,) = asked(bot, place)
    for part in ("robot: ", "In a box", "In a section", "A moon", "News", "Moon made of cheese",
                 "Scientists agree.", "Kind: Brie", "page 3", "Ann: "):  # fmt: skip
        assert part in prompt
    assert (f"[in #{room.name}]" in prompt) == (how == "link")


async def test_polls_stickers_and_system_messages_are_read(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    await post(discord, thread, ann, poll=POLL)
    await post(discord, thread, ann, sticker_items=[{"id": "1", "name": "Wave", "format_type": 1}])
    await post(discord, thread, ann, "About cake", type=THREAD_CREATED)
    voice = {"id": "9", "filename": "voice-message.ogg", "size": 5, "url": "http://x/v",
             "proxy_url": "http://x/v", "content_type": "audio/ogg", "waveform": "AAAA",
             "duration_secs": 3.0}  # fmt: skip
    await post(discord, thread, ann, attachments=[voice])
    picture = File(0, "cat.png", b"\x89PNG\r\n\x1a\n", "image/png")
    await post(discord, thread, ann, "look", files=[picture])
    await bot.ask(thread, ann, "well?")
    await answer_in(discord, thread)
    assert asked(bot, thread)[0] == (
        "[poll] Best cake?\n- 🥕 Carrot (3 votes)\n- Cheese (0 votes)\n[sticker: Wave]\n"
        "[started a thread: About cake]\n[voice message voice-message.ogg]\n"
        "look\n[picture cat.png]\nwell?"
    )


async def test_markup_reads_as_people_see_it(bot: Bot, discord: Discord):
    room, ann, bob = discord.channel("lobby"), discord.user("Ann"), discord.user("Bob")
    text = (
        f"{bob.mention} <#{room.id}> <@&{discord.guild.id}> <:blob:123456789012345678>"
        f" <t:0:D> </ask:123456789012345678> `{bob.mention}` ok {discord.me.mention}?"
    )
    await bot.ask(room, ann, text)
    await answer_in(discord, room)
    seen = f"@Bob #lobby @@everyone :blob: 01 January 1970 /ask `{bob.mention}` ok @fungpt?"
    assert asked(bot, room) == [seen]
    done = await discord.slash(room, ann, "ask", prompt=f"is {bob.mention} in <#{room.id}>?")
    await discord.settled(done)
    await answers_in(discord, room, 2)
    assert asked(bot, room) == ["is @Bob in #lobby?"]


async def test_a_link_leads_only_where_the_asker_may_read(bot: Bot, discord: Discord):
    room, secret = discord.channel(), discord.channel("secret")
    ann, bob = discord.user("Ann"), discord.user("Bob")
    told = await discord.say(secret, bob, "the word is xyzzy")
    private = private_thread(discord, room, bob)
    whispered = await discord.say(private, bob, "the word is plugh")
    own = await discord.say(discord.dm(ann), ann, "the word is plover")
    discord.deny(secret, ann, Permission.VIEW_CHANNEL)
    elsewhere = discord.world.add_guild("Elsewhere")
    place = discord.world.add_channel(elsewhere, "x")
    foreign = discord.world.make(place, bob, {"content": "the word is y2"})
    place.messages[foreign.id] = foreign
    direct = f"https://discord.com/channels/@me/{own.channel.id}/{own.id}"
    for target in (link(told), link(whispered), direct, link(foreign)):
        question = await bot.ask(room, ann, f"what does it say? {target}")
        await answer_in(discord, room, after=question)
        assert "the word is" not in str(asked(bot, room))
    for target, word in ((told, "xyzzy"), (whispered, "plugh")):
        server = "ptb.discord.com" if word == "plugh" else "discordapp.com"
        question = await bot.ask(room, bob, f"what does it say? {link(target, server)}")
        await answer_in(discord, room, after=question)
        assert f"[in #{target.channel.name}]\nthe word is {word}\n" in asked(bot, room)[0]
    alone = discord.dm(bob)
    await discord.say(alone, bob, f"and here? {link(told)}")
    await answer_in(discord, alone)
    assert "xyzzy" not in asked(bot, alone)[-1]


async def test_links_in_links_are_not_followed(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    deep = await discord.say(room, ann, "the bottom")
    middle = await discord.say(room, ann, f"see {link(deep)}")
    many = [link(await discord.say(room, ann, f"number {n}")) for n in range(5)]
    question = await bot.ask(room, ann, f"and? {link(middle)}")
    await answer_in(discord, room, after=question)
    assert "the bottom" not in asked(bot, room)[0]
    question = await bot.ask(room, ann, " ".join(many))
    await answer_in(discord, room, after=question)
    assert "number 2" in asked(bot, room)[0]
    assert "number 3" not in asked(bot, room)[0]


async def test_a_reply_is_a_part_of_the_conversation_that_it_stands_in(bot: Bot, discord: Discord):
    ann = discord.user("Ann")
    room = discord.dm(ann)
    old = [await discord.say(room, ann, f"One, {n}.") for n in range(2)]
    await answers_in(discord, room, 2)
    await discord.say(room, ann, "More?", reply_to=old[0])
    await answers_in(discord, room, 3)
    said = "\n".join(asked(bot, room))
    assert said.count("One, 0.") == said.count("One, 1.") == 1
    assert said.endswith("More?")


async def test_a_reply_to_what_was_deleted_is_answered(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    gone = await discord.say(room, ann, "soon gone")
    kept = await discord.say(room, ann, "still here", reply_to=gone)
    await discord.delete(gone)
    await bot.ask(room, ann, "well?", reply_to=kept)
    await answer_in(discord, room)
    assert asked(bot, room) == ["still here\nwell?"]


FAILURES = [
    (MESSAGE, FaultKind.STATUS),
    (MESSAGES, FaultKind.STATUS),
    (MESSAGES, FaultKind.FORBIDDEN),
    (MESSAGES, FaultKind.LIMITED),
    (MESSAGES, FaultKind.CUT),
    (MESSAGES, FaultKind.LATE),
]


async def test_what_cannot_be_read_around_a_question_is_left_out(bot: Bot, discord: Discord):
    """All of them at once: each waits as long as a question waits for what it can miss."""

    async def ask_in_spite_of(route: str, kind: FaultKind) -> None:
        room, ann = discord.channel(), discord.user("Ann")
        poem = await discord.say(room, ann, POEM)
        thread = thread_on(discord, poem, ann, "Poem")
        places = {str(room.id), str(thread.id)}
        fault = discord.fault(
            kind, route, times=1000, seconds=60.0,
            where=lambda call: call.args["channel"] in places,
        )  # fmt: skip
        text = f"what do you think? {link(poem)}"
        await bot.ask(thread, ann, text)
        await answer_in(discord, thread)
        assert fault.struck, (route, kind)
        assert asked(bot, thread)[-1].endswith(text), (route, kind)

    await asyncio.gather(*(ask_in_spite_of(*one) for one in FAILURES))


async def test_a_thread_that_it_was_not_told_of_is_a_place_like_any(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    thread = hidden_thread(discord, room, ann)
    await discord.say(thread, ann, "not for you")
    await bot.ask(thread, ann, "hello?")
    await answer_in(discord, thread)
    assert asked(bot, thread) == ["not for you\nhello?"]
    await discord.say(thread, ann, "still there?")
    await answers_in(discord, thread, 2)
