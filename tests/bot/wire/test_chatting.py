"""Chatting in channels, threads and direct messages, over HTTP and WebSocket."""

import asyncio
from itertools import pairwise

import pytest

from tests.bot.wire.reading import (
    SENTENCE,
    answer_in,
    answers_in,
    is_done,
    rated,
    shown,
    small_print,
)
from tests.discord_server.driver import Discord
from tests.discord_server.rest.calls import Call
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.permissions import Permission
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
EDIT = "PATCH /channels/{channel}/messages/{message}"
SEND = "POST /channels/{channel}/messages"
bot = bot_of_a_file(script={"reply": "{variant}, {turns} turns: {prompt}"})


async def test_a_mention_streams_into_a_reply(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    text = (SENTENCE * 10).strip()
    before = discord.now
    question = await bot.ask(room, ann, text)
    await discord.until(lambda: room.typed_at or discord.from_bot(room))
    assert discord.now - before < 1.0
    (answer,) = await answer_in(discord, room)
    assert answer.reference is question
    assert answer.mentions == [ann]
    assert shown([answer]) == f"tuned, 1 turns: {text}"
    assert small_print([answer]) == "tuned"
    seen = [revision.content for revision in answer.revisions]
    assert len(seen) >= 4
    for earlier, later in pairwise(seen[:-1]):
        assert later.startswith(earlier)
    assert answer.revisions[0].at - before < 1.5
    await rated(discord, answer)
    await bot.until_rows("SELECT state FROM requests WHERE prompt = ?", [("finished",)], text)


async def test_a_reply_goes_on_with_the_conversation(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    await bot.ask(room, ann, "first")
    (answer,) = await answer_in(discord, room)
    await discord.say(room, ann, "second", reply_to=answer)
    _, (second,) = await answers_in(discord, room, 2)
    assert shown([second]) == "tuned, 3 turns: second"


async def test_a_direct_message_needs_no_mention(bot: Bot, discord: Discord):
    ann = discord.user("Ann")
    room = discord.dm(ann)
    await discord.say(room, ann, "just us")
    await answers_in(discord, room, 1)
    await discord.say(room, ann, "still us")
    _, (second,) = await answers_in(discord, room, 2)
    assert shown([second]) == "tuned, 3 turns: still us"


async def test_in_a_thread_it_stays_once_called(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    await bot.ask(thread, ann, "come in")
    await answers_in(discord, thread, 1)
    await discord.say(thread, ann, "and go on")
    _, (second,) = await answers_in(discord, thread, 2)
    assert shown([second]) == "tuned, 3 turns: and go on"
    assert discord.from_bot(room) == []


async def test_what_is_not_for_it_is_left_alone(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    robot = discord.user("Robot", bot=True)
    await discord.say(room, ann, "no mention")
    await discord.say(room, ann, "@everyone hello")
    await bot.ask(room, robot, "from a bot")
    await bot.ask(room, discord.world.add_user("Hook", bot=True), "from a hook", webhook=True)
    await bot.ask(room, ann, "the last")
    (answer,) = await answer_in(discord, room)
    assert shown([answer]).endswith("the last")


async def test_a_bare_mention_gets_a_hint(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, "")
    (hint,) = await discord.until(lambda: discord.replies(question))
    assert hint.content
    assert not hint.buttons
    assert bot.rows("SELECT 1 FROM requests WHERE user_id = ?", str(ann.id)) == []


async def test_an_answer_pings_nobody_but_the_asker(bot: Bot, discord: Discord):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    discord.guild.roles[discord.guild.id].permissions |= Permission.MENTION_EVERYONE
    await bot.ask(room, ann, f"@everyone @here <@{bob.id}> <@&{discord.guild.id}>")
    (answer,) = await answer_in(discord, room)
    assert answer.mentions == [ann]
    assert not answer.mentions_everyone
    assert answer.mentioned_roles == []


async def test_a_channel_that_is_closed_to_it(bot: Bot, discord: Discord):
    """Told by the permissions, it does not even try; refused all the same, it goes on elsewhere."""
    closed, refusing, room = discord.channel(), discord.channel(), discord.channel()
    ann = discord.user("Ann")
    discord.deny(closed, None, Permission.SEND_MESSAGES)
    fault = discord.fault(
        FaultKind.FORBIDDEN, None, times=99,
        where=lambda call: call.args.get("channel") == str(refusing.id),
    )  # fmt: skip
    await bot.ask(closed, ann, "in here?")
    await bot.ask(refusing, ann, "or here?")
    await bot.ask(room, ann, "or there?")
    await answer_in(discord, room)
    await bot.until_rows(
        "SELECT count(*) FROM requests WHERE user_id = ? AND state IN ('waiting', 'running')",
        [(0,)], str(ann.id),
    )  # fmt: skip
    assert discord.calls.of(SEND, channel=closed.id) == []
    assert 1 <= fault.struck <= 4
    assert discord.from_bot(refusing) == []


async def test_an_answer_that_is_deleted_while_it_is_written(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    await bot.ask(room, ann, SENTENCE * 20)
    (answer,) = await discord.until(lambda: discord.from_bot(room))
    await discord.until(lambda: len(answer.revisions) >= 2)
    await discord.delete(answer)
    await bot.until_rows(
        "SELECT state FROM requests WHERE user_id = ?", [("stopped",)], str(ann.id)
    )
    assert len(discord.calls.of(EDIT, channel=room.id, status=404)) <= 1
    assert discord.from_bot(room) == []
    await bot.ask(room, ann, "again")
    await answer_in(discord, room)


async def test_a_question_that_is_taken_back(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, SENTENCE * 20)
    await discord.until(lambda: discord.from_bot(room))
    await discord.delete(question)
    await bot.until_rows(
        "SELECT count(*) FROM requests WHERE user_id = ? AND state IN ('waiting', 'running')",
        [(0,)], str(ann.id),
    )  # fmt: skip
    (request,) = bot.rows("SELECT state FROM requests WHERE user_id = ?", str(ann.id))
    assert request == ("stopped",)


async def test_refused_edits_make_fewer_edits_and_the_whole_text(bot: Bot, discord: Discord):
    """The same answer without limits, with Discord's announced limit, and with one unannounced."""
    edits: list[int] = []
    text = (SENTENCE * 12).strip()
    for limit in (None, (3, 2.0, False), (2, 1.5, True)):
        discord.in_order_again()
        if limit is not None:
            discord.limit(EDIT, limit[0], limit[1], hidden=limit[2])
        room, ann = discord.channel(), discord.user("Ann")
        await bot.ask(room, ann, text)
        (answer,) = await answer_in(discord, room)
        assert shown([answer]) == f"tuned, 1 turns: {text}"
        assert is_done(answer)
        edits.append(len(discord.calls.of(EDIT, channel=room.id)))
        refused = len(discord.calls.of(EDIT, channel=room.id, status=429))
        assert refused <= (3 if limit and limit[2] else 0)
    free, announced, hidden = edits
    assert announced < free
    assert hidden < free


async def test_who_is_told_to_wait_edits_less_often(bot: Bot, discord: Discord):
    """Each refused edit is taken at its second try: only the bot's own pace makes them rarer."""
    room, told_s = discord.channel(), 1.0  # the header rounds up to whole seconds
    tried: list[str] = []

    def is_new(call: Call) -> bool:
        tried.append(call.body["content"])
        return tried.count(tried[-1]) == 1

    discord.fault(FaultKind.LIMITED, EDIT, times=99, seconds=0.02, where=is_new)
    await bot.ask(room, discord.user(), SENTENCE * 13)
    (answer,) = await answer_in(discord, room)
    assert is_done(answer)
    *paced, _last = discord.calls.of(EDIT, channel=room.id, status=429)
    assert len(paced) >= 2
    for earlier, later in pairwise(paced):
        assert later.at - earlier.at >= told_s


async def test_two_answers_in_one_channel_share_its_limit(bot: Bot, discord: Discord):
    discord.limit(EDIT, 3, 2.0)
    room = discord.channel()
    text = (SENTENCE * 8).strip()
    await asyncio.gather(*(bot.ask(room, discord.user(), text) for _ in range(2)))
    await discord.until(lambda: sum(map(is_done, discord.from_bot(room))) == 2)
    for answer in discord.from_bot(room):
        assert shown([answer]) == f"tuned, 1 turns: {text}"
    assert discord.calls.of(EDIT, channel=room.id, status=429) == []
