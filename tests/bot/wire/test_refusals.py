"""Discord takes a call badly: whatever it refuses, no message is left unfinished."""

import pytest

from tests.bot.wire.reading import (
    SENTENCE,
    STATE,
    answer_in,
    answers_in,
    begun_in,
    conversation,
    is_done,
    shown,
)
from tests.discord_server.driver import Discord
from tests.discord_server.rest.calls import Call
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.permissions import Permission
from tests.discord_server.state.places import Channel
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
EDIT = "PATCH /channels/{channel}/messages/{message}"
SEND = "POST /channels/{channel}/messages"
TEXT = (SENTENCE * 6).strip()
LATER = f"{TEXT} and then the unspeakable"
ENDED = "SELECT count(*) FROM requests WHERE conversation = ? AND ended_at IS NOT NULL"
bot = bot_of_a_file(script={"reply": "{prompt}"})


async def closed(bot: Bot, room: Channel) -> str:
    """Wait until the one answer is closed and stored as ended; what its message says."""
    discord = bot.discord
    await bot.until_rows(ENDED, [(1,)], conversation(room))
    await discord.until(
        lambda: (
            (said := discord.from_bot(room))
            and all("Stop" not in one.labels and not one.thinking for one in said)
        ),
        "there is an answer, and no button Stop is left",
    )
    return "\n".join(one.content for one in discord.from_bot(room))


def refuse_once_written(discord: Discord, room: Channel, **refusal: object) -> None:
    """Refuse the edits of an answer from the third on, but for those that end it."""
    seen: list[str] = []

    def after_the_second(call: Call) -> bool:
        if call.args.get("channel") != str(room.id):
            return False
        seen.append(call.route)
        return len(seen) > 2 and "\n-# " not in (call.body.get("content") or "")

    discord.fault(FaultKind.REFUSED, EDIT, times=99, where=after_the_second, **refusal)  # pyright: ignore[reportArgumentType]


async def test_without_the_history_it_answers_without_a_reply(bot: Bot, discord: Discord):
    room = discord.channel()
    discord.deny(room, discord.me, Permission.READ_MESSAGE_HISTORY)
    for count in (1, 2):
        question = await bot.ask(room, discord.user(), "can you hear me?")
        (answer,) = (await answers_in(discord, room, count))[-1]
        assert shown([answer]) == "can you hear me?"
        assert answer.reference is None
        assert question.content
    assert bot.log().count(f"in channel {room.id}: 403 (160002)") == 1
    assert "give me Read Message History there" in bot.log()


async def test_automod_refuses_the_whole_answer(bot: Bot, discord: Discord):
    discord.world.forbidden_words.add("у")
    room = discord.channel()
    await bot.ask(room, discord.user(), "ужас")
    said = await closed(bot, room)
    assert "server's rules do not let me post my answer" in said
    assert discord.from_bot(room)[0].reactions == {}, "nobody rates what nobody reads"


async def test_automod_refuses_the_end_of_an_answer(bot: Bot, discord: Discord):
    discord.world.forbidden_words.add("unspeakable")
    room = discord.channel()
    await bot.ask(room, discord.user(), LATER)
    await begun_in(discord, room)
    said = await closed(bot, room)
    assert said.startswith("One more sentence"), "what was shown stays"
    assert "server's rules do not let me post the rest" in said
    assert is_done(discord.from_bot(room)[-1])
    assert len(discord.from_bot(room)) == 1
    assert bot.log().count(f"in channel {room.id}: 400 (200000)") == 1


async def test_the_line_about_the_refusal_is_refused_too(bot: Bot, discord: Discord):
    discord.world.forbidden_words |= {"unspeakable", "rules"}
    room = discord.channel()
    await bot.ask(room, discord.user(), LATER)
    await begun_in(discord, room)
    said = await closed(bot, room)
    assert said.startswith("One more sentence")
    assert "rules" not in said


async def test_all_words_are_refused_to_a_command(bot: Bot, discord: Discord):
    """“is thinking…” ends, though nothing may be said in its place."""
    discord.world.forbidden_words |= {"у", "rules", "…"}
    room = discord.channel()
    asked = await discord.slash(room, discord.user(), "ask", prompt="ужас")
    assert asked.original is not None
    await bot.until_rows(ENDED, [(1,)], conversation(room))
    await discord.until(lambda: asked.original is not None and asked.original.deleted)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ({"status": 403, "code": 50013}, "may not write here"),
        ({"status": 403, "code": 160005}, "may not write here"),
        ({"status": 400, "code": 240000}, "server's rules"),
        ({"status": 400, "code": 20009}, "server's rules"),
        ({"status": 400, "code": 50035, "field": "content"}, "server's rules"),
        ({"status": 400, "code": 987654}, "did not take the rest"),
        ({"status": 418, "code": 0}, "did not take the rest"),
    ],
)
async def test_what_is_refused_halfway_ends_with_a_word(
    bot: Bot, discord: Discord, refusal: dict[str, object], words: str
):
    room = discord.channel()
    refuse_once_written(discord, room, **refusal)
    await bot.ask(room, discord.user(), TEXT * 2)
    await begun_in(discord, room)
    said = await closed(bot, room)
    assert said.startswith("One more")
    assert words in said
    (message,) = discord.from_bot(room)
    assert is_done(message)
    assert bot.rows(STATE, conversation(room))[0][0] in ("stopped", "finished")


@pytest.mark.parametrize("field", ["message_reference", "components"])
async def test_a_part_that_is_refused_is_left_out(bot: Bot, discord: Discord, field: str):
    room = discord.channel()
    discord.fault(
        FaultKind.REFUSED, SEND, times=9, status=400, code=50035, field=field,
        where=lambda call: bool(call.body.get(field)),
    )  # fmt: skip
    await bot.ask(room, discord.user(), "plainly?")
    (answer,) = await discord.until(
        lambda: [one for one in discord.from_bot(room) if "\n-# tuned" in one.content]
    )
    assert shown([answer]) == "plainly?"
    assert (answer.reference is None) == (field == "message_reference")


async def test_a_limit_that_passes_is_waited_for(bot: Bot, discord: Discord):
    room = discord.channel()
    discord.fault(FaultKind.REFUSED, EDIT, times=2, status=400, code=30046)
    await bot.ask(room, discord.user(), TEXT)
    assert shown(await answer_in(discord, room)) == f"{TEXT}"


async def test_a_thread_that_is_archived_meanwhile_is_opened_again(bot: Bot, discord: Discord):
    ann = discord.user()
    thread = discord.thread(discord.channel(), ann)
    await bot.ask(thread, ann, TEXT)
    await begun_in(discord, thread)
    thread.archived = True
    assert shown(await answer_in(discord, thread)) == f"{TEXT}"
    assert not thread.archived


async def test_a_hint_is_said_without_the_history_and_in_an_archived_thread(
    bot: Bot, discord: Discord
):
    ann = discord.user()
    room, thread = discord.channel(), discord.thread(discord.channel(), ann)
    discord.deny(room, discord.me, Permission.READ_MESSAGE_HISTORY)
    discord.fault(
        FaultKind.REFUSED, SEND, status=400, code=50083,
        where=lambda call: call.args["channel"] == str(thread.id),
    )  # fmt: skip
    for place in (room, thread):
        question = await bot.ask(place, ann, "")
        (hint,) = await discord.until(lambda place=place: discord.from_bot(place))
        assert "You called?" in hint.content
        await discord.delete(question)
        await discord.until(lambda hint=hint: hint.deleted)
    assert f"in channel {room.id}: 403 (160002)" in bot.log()


async def test_who_blocks_the_bot_is_answered_without_reactions(bot: Bot, discord: Discord):
    room = discord.channel()
    reaction = "PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me"
    fault = discord.fault(FaultKind.REFUSED, reaction, times=9, status=403, code=90001)
    await bot.ask(room, discord.user(), "hello?")
    (answer,) = await answer_in(discord, room)
    await discord.until(lambda: fault.struck == 1)
    await bot.ask(room, discord.user(), "still there?")
    await answers_in(discord, room, 2)
    assert answer.reactions == {}
