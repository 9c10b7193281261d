"""A question follows its message: edited, deleted, posted again by a proxy, asked anew."""

import asyncio
import signal

import pytest

from tests.bot.wire.broken_store import locked
from tests.bot.wire.reading import (
    RATINGS,
    SENTENCE,
    answer_in,
    answers_in,
    begun_in,
    conversation,
    is_done,
    rated,
    settled,
    shown,
    still_works,
)
from tests.discord_server.driver import Discord
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import Message
from tests.discord_server.state.payloads import channel_json
from tests.discord_server.state.upheavals import delete_channel, enter, expel
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEND = "POST /channels/{channel}/messages"
HISTORY = "GET /channels/{channel}/messages"
ASKED = "SELECT prompt, state FROM requests WHERE conversation = ? ORDER BY id"
BUTTON = "Answer the edit"
bot = bot_of_a_file(
    script={"reply": "{variant}, {turns} turns: {prompt}", "step_seconds": 0.001},
    settings={"WORKER_CONCURRENCY": "2"},
)


async def befall(discord: Discord, question: Message, change: str) -> None:
    """What may happen to a question, or to the place that it stands in."""
    place = question.channel
    match change:
        case "edit":
            await discord.edit(question, f"{discord.me.mention} the new words")
        case "delete":
            await discord.delete(question)
        case "purge":
            await discord.delete_together(question)
        case "thread":
            delete_channel(discord.world, place)
        case _:
            delete_channel(discord.world, place.parent or place)


# While its history is being read.


@pytest.mark.parametrize("change", ["edit", "delete", "purge", "thread", "channel"])
async def test_while_the_history_is_read(bot: Bot, discord: Discord, change: str):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    late = discord.fault(FaultKind.LATE, HISTORY, seconds=0.5)
    question = await bot.ask(thread, ann, "the old words")
    await discord.until(lambda: late.struck)
    await befall(discord, question, change)
    if change == "edit":
        (answer,) = await answer_in(discord, thread)
        assert shown([answer]) == "tuned, 1 turns: the new words"
        assert bot.rows(ASKED, conversation(thread)) == [("the new words", "finished")]
    else:
        await asyncio.sleep(0.6)  # nothing tells of what does not come
        await still_works(bot)
        assert discord.from_bot(thread) == []
        assert bot.rows(ASKED, conversation(thread)) == []


async def test_thrown_out_while_the_history_is_read(bot: Bot, discord: Discord):
    elsewhere = enter(discord.world, "Elsewhere")
    room = discord.world.add_channel(elsewhere, "room")
    ann = discord.user("Ann")
    thread = discord.world.add_thread(room, ann, "a thread")
    for one in (room, thread):
        event = "CHANNEL_CREATE" if one is room else "THREAD_CREATE"
        discord.world.announce(event, one, channel_json(one))
    late = discord.fault(FaultKind.LATE, HISTORY, seconds=0.5)
    await bot.ask(thread, ann, "are you here?")
    await discord.until(lambda: late.struck)
    expel(discord.world, elsewhere)
    await asyncio.sleep(0.6)
    await still_works(bot)
    assert bot.rows(ASKED, conversation(thread)) == []


# While it is stored, waits, and runs.


@pytest.mark.parametrize("change", ["edit", "delete"])
async def test_while_it_is_stored(bot: Bot, discord: Discord, change: str):
    room, ann = discord.channel(), discord.user("Ann")
    with locked(bot):
        question = await bot.ask(room, ann, "the old words")
        await discord.until(lambda: room.typed_at)
        await asyncio.sleep(0.3)  # it waits for the lock by now
        await befall(discord, question, change)
        await asyncio.sleep(0.1)
    if change == "edit":
        (answer,) = await answer_in(discord, room)
        assert shown([answer]) == "tuned, 1 turns: the new words"
        assert bot.rows(ASKED, conversation(room)) == [("the new words", "finished")]
    else:
        await still_works(bot)
        await settled(bot)
        assert discord.from_bot(room) == []
        assert [state for _, state in bot.rows(ASKED, conversation(room))] in ([], ["stopped"])


@pytest.mark.parametrize("change", ["edit", "delete", "purge", "channel"])
async def test_while_it_waits_for_the_worker(bot: Bot, discord: Discord, change: str):
    room, ann = discord.channel(), discord.user("Ann")
    busy = discord.channel()
    for _ in range(2):
        await bot.ask(busy, discord.user(), SENTENCE * 60)
    await discord.until(lambda: len(discord.from_bot(busy)) == 2)
    question = await bot.ask(room, ann, "the old words")
    await bot.until_rows(ASKED, [("the old words", "waiting")], conversation(room))
    await befall(discord, question, change)
    await answers_in(discord, busy, 2)
    if change == "edit":
        (answer,) = await answer_in(discord, room)
        assert shown([answer]) == "tuned, 1 turns: the new words"
    else:
        await settled(bot)
        await still_works(bot)
        assert discord.from_bot(room) == []
        assert [state for _, state in bot.rows(ASKED, conversation(room))] == ["stopped"]


@pytest.mark.parametrize("change", ["edit", "delete"])
async def test_between_storing_and_the_first_message(bot: Bot, discord: Discord, change: str):
    room, ann = discord.channel(), discord.user("Ann")
    late = discord.fault(
        FaultKind.LATE, SEND, seconds=0.5,
        where=lambda call: call.args["channel"] == str(room.id),
    )  # fmt: skip
    question = await bot.ask(room, ann, "the old words " + SENTENCE * 3)
    await discord.until(lambda: late.struck)
    await befall(discord, question, change)
    if change == "edit":
        (answer,) = await answer_in(discord, room)
        assert shown([answer]) == "tuned, 1 turns: the new words"
        assert bot.rows(ASKED, conversation(room)) == [("the new words", "finished")]
        assert BUTTON not in answer.labels
    else:
        await settled(bot)
        await discord.until(lambda: late.struck and not discord.from_bot(room))
        await still_works(bot)
        assert discord.from_bot(room) == []


async def test_an_edit_while_the_button_of_an_earlier_one_asks(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, "one")
    (answer,) = await answer_in(discord, room)
    await befall(discord, question, "edit")
    await discord.until(lambda: BUTTON in answer.labels)
    typed = len(room.typed_at)
    with locked(bot):
        await discord.click(answer, ann, BUTTON)
        await discord.until(lambda: len(room.typed_at) > typed)
        await asyncio.sleep(0.3)  # it waits for the lock by now
        await discord.edit(question, f"{discord.me.mention} the newest words")
        await asyncio.sleep(0.1)
    _, (second,) = await answers_in(discord, room, 2)
    assert shown([second]) == "tuned, 1 turns: the newest words"
    assert bot.rows(ASKED, conversation(room))[1:] == [("the newest words", "finished")]
    await discord.until(lambda: BUTTON not in answer.labels)


async def test_an_edit_while_a_hint_is_given(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    late = discord.fault(FaultKind.LATE, SEND, seconds=0.5)
    question = await bot.ask(room, ann, "")
    await discord.until(lambda: late.struck)
    await befall(discord, question, "edit")
    (answer,) = await answer_in(discord, room)
    assert shown([answer]) == "tuned, 1 turns: the new words"
    await discord.until(lambda: discord.from_bot(room) == [answer], "the remark is taken away")


async def test_an_edit_that_cannot_be_asked_is_offered_later(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    with locked(bot):
        question = await bot.ask(room, ann, "the old words")
        await discord.until(lambda: room.typed_at)
        await asyncio.sleep(0.3)  # it waits for the lock by now
        await discord.edit(question, discord.me.mention)
        await asyncio.sleep(0.1)
    (answer,) = await answer_in(discord, room)
    assert shown([answer]) == "tuned, 1 turns: the old words"
    await discord.until(lambda: BUTTON in answer.labels)


async def test_of_several_edits_the_last_is_answered(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    late = discord.fault(FaultKind.LATE, HISTORY, times=3, seconds=0.2)
    question = await bot.ask(thread, ann, "one")
    for text in ("two", "three"):
        struck = late.struck
        await discord.edit(question, f"{discord.me.mention} {text}")
        await discord.until(lambda before=struck: late.struck > before or discord.from_bot(thread))
    (answer,) = await answer_in(discord, thread)
    assert shown([answer]) == "tuned, 1 turns: three"


async def test_an_edit_is_offered_in_an_archived_thread_too(bot: Bot, discord: Discord):
    ann = discord.user("Ann")
    thread = discord.thread(discord.channel(), ann)
    question = await bot.ask(thread, ann, "one")
    (answer,) = await answer_in(discord, thread)
    await rated(discord, answer)
    thread.archived = True
    await befall(discord, question, "edit")
    await discord.until(lambda: BUTTON in answer.labels)


# A deleted question.


@pytest.mark.parametrize("how", ["delete", "purge"])
async def test_a_running_answer_goes_with_its_question(bot: Bot, discord: Discord, how: str):
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, SENTENCE * 60)
    answer = await begun_in(discord, room)
    await befall(discord, question, how)
    await discord.until(lambda: answer.deleted, "the answer is taken back")
    await bot.until_rows(
        "SELECT prompt, turns, state FROM requests WHERE conversation = ?",
        [("", "[]", "stopped")], conversation(room),
    )  # fmt: skip
    await still_works(bot)
    assert discord.from_bot(room) == []
    assert len(discord.calls.of(SEND, channel=room.id)) == 1
    assert "topped" not in "".join(one.content for one in answer.revisions)
    assert not answer.reactions


async def test_a_finished_answer_goes_with_its_question_and_its_ratings_stay(
    bot: Bot, discord: Discord
):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    question = await bot.ask(room, ann, "is water wet?")
    parts = await answer_in(discord, room)
    await rated(discord, parts[-1])
    await discord.react(parts[-1], bob, RATINGS[0])
    counted = """
        SELECT count(*) FROM ratings JOIN answers ON answers.id = answer_id
        JOIN requests ON requests.id = request_id WHERE conversation = ?
    """
    await bot.until_rows(counted, [(1,)], conversation(room))
    await discord.click(parts[-1], bob, "Again")
    *_, again = await answers_in(discord, room, 2)
    await discord.delete(question)
    await discord.until(lambda: not discord.from_bot(room), "all its answers are taken back")
    assert all(one.deleted for one in (*parts, *again))
    await bot.until_rows(
        "SELECT prompt, text, state FROM requests JOIN answers ON request_id = requests.id"
        " WHERE conversation = ?", [("", "", "finished")] * 2, conversation(room),
    )  # fmt: skip
    assert bot.rows(counted, conversation(room)) == [(1,)]


async def test_a_server_can_keep_answers(bot: Bot, discord: Discord):
    owner, ann = discord.guild.owner, discord.user("Ann")
    room = discord.channel()
    await discord.settled(await discord.slash(room, owner, "settings deleted", keep_answers=True))
    try:
        told = await discord.settled(await discord.slash(room, owner, "settings show"))
        assert "Answers stay where their question is deleted: yes" in told.text
        question = await bot.ask(room, ann, SENTENCE * 20)
        await begun_in(discord, room)
        await discord.delete(question)
        (answer,) = await answer_in(discord, room)
        await rated(discord, answer)
    finally:
        await discord.settled(
            await discord.slash(room, owner, "settings deleted", keep_answers=False)
        )
    assert not answer.deleted


async def test_a_hint_goes_with_its_message(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, "")
    (hint,) = await discord.until(lambda: discord.replies(question))
    await discord.delete(question)
    await discord.until(lambda: hint.deleted)


async def test_a_hint_does_not_come_after_its_message_is_gone(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    late = discord.fault(FaultKind.SLOW, SEND, seconds=0.3)
    question = await bot.ask(room, ann, "")
    (hint,) = await discord.until(lambda: discord.replies(question) if late.struck else [])
    await discord.delete(question)
    await discord.until(lambda: hint.deleted)


async def test_a_moderator_deletes_an_answer_that_is_being_written(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    await bot.ask(room, ann, SENTENCE * 60)
    first, _ = await discord.until(lambda: discord.from_bot(room)[1:] and discord.from_bot(room))
    await discord.delete(first)
    await settled(bot)
    await discord.until(lambda: not discord.from_bot(room), "the rest of it goes too")
    await still_works(bot)
    assert discord.from_bot(room) == []
    left = "SELECT message_id FROM request_messages WHERE channel_id = ?"
    await bot.until_rows(left, [], str(room.id))  # which the next start would go on with


async def test_a_moderator_deletes_a_finished_answer(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, "hello")
    (answer,) = await answer_in(discord, room)
    await discord.delete(answer)
    await still_works(bot)
    assert discord.from_bot(room) == []
    assert bot.rows(ASKED, conversation(room)) == [("hello", "finished")]
    await discord.edit(question, f"{discord.me.mention} hello again")
    await still_works(bot)
    assert discord.from_bot(room) == []


async def test_what_was_deleted_and_edited_while_it_was_away(bot: Bot, discord: Discord):
    """Answered, waiting, and interrupted: each once deleted, once edited."""
    ann = discord.user("Ann")
    rooms = [discord.channel() for _ in range(4)]
    answered = [await bot.ask(room, ann, "answered") for room in rooms[:2]]
    for room in rooms[:2]:
        await answer_in(discord, room)
    running = [await bot.ask(room, discord.user(), SENTENCE * 60) for room in rooms[2:]]
    for room in rooms[2:]:
        await begun_in(discord, room)
    assert bot.process is not None
    await bot.end(signal.SIGKILL)
    for deleted, edited in (answered, running):
        await discord.delete(deleted)
        await discord.edit(edited, f"{discord.me.mention} something else")
    await bot.start()
    (new,) = await answer_in(discord, rooms[3])
    assert shown([new]) == "tuned, 1 turns: something else"
    await discord.until(lambda: not discord.from_bot(rooms[0]) and not discord.from_bot(rooms[2]))
    (old,) = discord.from_bot(rooms[1])
    await discord.until(lambda: BUTTON in old.labels, "a new answer is offered")
    await settled(bot)
    assert [state for _, state in bot.rows(ASKED, conversation(rooms[2]))] == ["stopped"]


# Proxy bots.


@pytest.mark.parametrize("order", ["copy first", "deletion first"])
async def test_what_a_proxy_posts_again_is_answered_once(bot: Bot, discord: Discord, order: str):
    room, ann = discord.channel(), discord.user("Ann")
    text = f"{discord.me.mention} is water wet?"
    original = await discord.say(room, ann, f"A: {text}")
    if order == "copy first":
        copy = await discord.proxy(room, "Alex", text)
        await discord.until(lambda: discord.replies(original))
        await discord.delete(original)
    else:
        await discord.delete(original)
        copy = await discord.proxy(room, "Alex", text)
    (answer,) = await discord.until(
        lambda: [one for one in discord.replies(copy) if is_done(one)], "an answer to the copy"
    )
    assert shown([answer]) == "tuned, 1 turns: is water wet?"
    await discord.until(lambda: discord.from_bot(room) == [answer])
    await discord.say_again(copy)
    await still_works(bot)
    assert discord.from_bot(room) == [answer]
    await bot.until_rows(
        "SELECT user_id, user_name, prompt FROM requests WHERE conversation = ? AND prompt <> ''",
        [(str(ann.id), "Alex", "is water wet?")], conversation(room),
    )  # fmt: skip
    # Who replies to that goes on with it, and who is proxied can take it back.
    await bot.ask(room, discord.user("Bob"), "really?", reply_to=answer)
    *_, (second,) = await answers_in(discord, room, 2)
    assert shown([second]).startswith("tuned, 3 turns:")
    await discord.delete(copy)
    await discord.until(lambda: answer.deleted)


async def test_proxied_people_are_told_apart_by_their_names(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    said: list[Message] = []
    for name in ("Alex", "Sam"):
        original = await bot.ask(thread, ann, f"I am {name}")
        await discord.delete(original)
        copy = await discord.proxy(thread, name, original.content)
        said.append(copy)
        await discord.until(
            lambda copy=copy: [one for one in discord.replies(copy) if is_done(one)]
        )
    (turns,) = bot.rows(
        "SELECT turns FROM requests WHERE conversation = ? AND user_name = 'Sam'",
        conversation(thread),
    )[0]
    assert "Alex: I am Alex" in turns
    assert "Sam: I am Sam" in turns


async def test_no_other_webhook_or_bot_is_answered(bot: Bot, discord: Discord):
    room, other = discord.channel(), discord.channel()
    ann, robot = discord.user("Ann"), discord.user("Robot", bot=True)
    text = f"{discord.me.mention} is water wet?"
    await discord.proxy(room, "Hook", text)  # nobody has said that
    kept = await discord.say(room, ann, text)
    await discord.proxy(room, "Mirror", text)  # what it copies is still there
    (answer,) = await answer_in(discord, room)
    original = await discord.say(room, ann, f"{text} Tell me.")
    await discord.delete(original)
    await discord.proxy(other, "Log", original.content)  # elsewhere
    await discord.proxy(room, "Log", f"Ann deleted: {original.content}")  # more than was said
    await discord.proxy(room, "Log", "is water wet?")  # it calls nobody
    await discord.say(room, robot, original.content)  # no webhook
    chat = await discord.say(room, ann, "no call at all")
    await discord.delete(chat)
    await discord.proxy(room, "Alex", "no call at all")
    await discord.proxy(room, "Command", original.content, webhook=79, owner=79)  # a command's
    await still_works(bot)
    await settled(bot)
    assert answer.reference is kept
    assert discord.from_bot(room) == [answer]
    assert discord.from_bot(other) == []


# Edited once it is answered.


async def test_an_edited_question_is_answered_again_at_the_press_of_a_button(
    bot: Bot, discord: Discord
):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    question = await bot.ask(room, ann, "is water wet?")
    (answer,) = await answer_in(discord, room)
    await discord.unfurl(question, "A preview")
    await still_works(bot)
    assert BUTTON not in answer.labels
    await discord.edit(question, f"{discord.me.mention} is ice wet?")
    await discord.until(lambda: BUTTON in answer.labels, "the offer")
    assert answer.labels[:2] == ["Again", "Other model"]
    refused = await discord.click(answer, bob, BUTTON)
    told = await discord.until(lambda: [one for one in refused.messages if one is not answer])
    assert all(message.ephemeral for message in told)
    await asyncio.gather(*(discord.click(answer, ann, BUTTON) for _ in range(2)))
    _, (second,) = await answers_in(discord, room, 2)
    assert shown([second]) == "tuned, 1 turns: is ice wet?\n[embed]\nA preview"
    assert second.reference is question
    await discord.until(lambda: BUTTON not in answer.labels)
    await discord.unfurl(question, "Another preview")
    await still_works(bot)
    assert not [one for one in discord.from_bot(room) if BUTTON in one.labels]
    await discord.edit(question, f"{discord.me.mention} is steam wet?")
    await discord.until(lambda: BUTTON in second.labels, "each edit is offered once")
    await discord.delete(question)
    await discord.until(lambda: not discord.from_bot(room))


async def test_edited_while_the_answer_is_read_it_is_offered_at_its_end(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    question = await bot.ask(room, ann, SENTENCE * 20)
    await begun_in(discord, room)
    await discord.edit(question, f"{discord.me.mention} something else")
    (answer,) = await answer_in(discord, room)
    assert shown([answer]) == f"tuned, 1 turns: {(SENTENCE * 20).strip()}"
    await discord.until(lambda: BUTTON in answer.labels)


async def test_a_mention_added_by_an_edit_is_a_call(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    said = await discord.say(room, ann, "is water wet?")
    await discord.unfurl(said, "A preview")
    await discord.edit(said, f"{discord.me.mention} is water wet?")
    (answer,) = await answer_in(discord, room)
    assert answer.reference is said
    hinted = await bot.ask(room, ann, "")
    (hint,) = await discord.until(lambda: discord.replies(hinted))
    await discord.edit(hinted, f"{discord.me.mention} and ice?")
    await discord.until(lambda: hint.deleted)
    _, (second,) = await answers_in(discord, room, 2)
    assert shown([second]) == "tuned, 1 turns: and ice?"


async def test_a_mention_added_to_an_old_message_or_by_a_bot_is_none(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    robot = discord.user("Robot", bot=True)
    said = await discord.say(room, ann, "is water wet?")
    room.messages.pop(said.id)
    said.id -= 11 * 60 * 1000 << 22
    room.messages[said.id] = said
    await discord.edit(said, f"{discord.me.mention} is water wet?")
    beep = await discord.say(room, robot, "beep")
    await discord.edit(beep, f"{discord.me.mention} beep")
    await still_works(bot)
    assert discord.from_bot(room) == []
