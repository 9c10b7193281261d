"""What is good to read before an answer, and not there: the answer comes all the same, and soon."""

import pytest

from tests.bot.wire.reading import answer_in, answers_in, shown
from tests.discord_server.driver import Discord
from tests.discord_server.posting import hidden_thread
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import File
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
HISTORY = "GET /channels/{channel}/messages"
ONE_MESSAGE = "GET /channels/{channel}/messages/{message}"
DOWNLOAD = "GET /attachments/{attachment}/{name}"
CHANNEL = "GET /channels/{channel}"
SOON_S = 12.0  # without these faults it takes a moment, with discord.py's patience 25 s
FAULTS = [
    (FaultKind.STATUS, {"status": 502, "times": 99}),
    (FaultKind.FORBIDDEN, {"times": 99}),
    (FaultKind.LIMITED, {"times": 99, "seconds": 30.0}),
    (FaultKind.LATE, {"times": 99, "seconds": 30.0}),
    (FaultKind.CUT, {"times": 99}),
]
bot = bot_of_a_file(
    script={"reply": "{variant}, {turns} turns: {prompt}", "step_seconds": 0.001},
    settings={"HISTORY_MAX_TURNS": "200", "HISTORY_MAX_CHARS": "100000", "MAX_CONTEXT": "120000"},
)


@pytest.mark.parametrize(("kind", "options"), FAULTS)
async def test_a_history_that_does_not_come(bot: Bot, discord: Discord, kind, options):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    discord.fault(
        kind, HISTORY, where=lambda call: call.args["channel"] == str(thread.id), **options
    )
    before = discord.now
    await bot.ask(thread, ann, "hello")
    (answer,) = await answer_in(discord, thread)
    assert shown([answer]) == "tuned, 1 turns: hello"
    assert answer.revisions[0].at - before < SOON_S


@pytest.mark.parametrize(("kind", "options"), FAULTS[:2])
async def test_a_reply_chain_that_breaks_in_the_middle(bot: Bot, discord: Discord, kind, options):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    first = await discord.say(room, ann, "Cats are liquid.")
    second = await discord.say(room, bob, "No.", reply_to=first)
    discord.fault(
        kind, ONE_MESSAGE, where=lambda call: call.args["message"] == str(first.id), **options
    )
    before = discord.now
    await bot.ask(room, ann, "Who is right?", reply_to=second)
    (answer,) = await answer_in(discord, room)
    assert "Bob: No.\nAnn: Who is right?" in shown([answer])
    assert answer.revisions[0].at - before < SOON_S


async def test_a_history_that_breaks_after_its_first_page(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    for number in range(130):
        await discord.say(thread, ann, f"line {number}")
    pages: list[str] = []

    def is_second(call) -> bool:
        pages.append(call.query.get("before", ""))
        return len(set(pages)) > 1

    fault = discord.fault(FaultKind.STATUS, HISTORY, times=99, where=is_second)
    before = discord.now
    await bot.ask(thread, ann, "and now?")
    (answer, *_) = (await answers_in(discord, thread))[0]
    assert fault.struck
    assert answer.revisions[0].at - before < SOON_S
    (turns,) = bot.rows("SELECT turns FROM requests WHERE prompt = 'and now?'")[0]
    assert "line 129" in turns
    assert "line 30" in turns
    assert "line 29\\n" not in turns


async def test_a_file_that_does_not_come_is_named(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    discord.fault(FaultKind.LATE, DOWNLOAD, times=9, seconds=30.0)
    before = discord.now
    file = File(0, "notes.txt", b"some notes", "text/plain")
    await bot.ask(room, ann, "what is this?", files=[file])
    (answer,) = await answer_in(discord, room)
    assert shown([answer]) == "tuned, 1 turns: what is this?"
    assert "I left out notes.txt" in answer.content
    assert answer.revisions[0].at - before < SOON_S


async def test_a_command_reads_no_longer_than_a_message(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    thread = discord.thread(room, ann)
    discord.fault(FaultKind.STATUS, HISTORY, times=99)
    before = discord.now
    await discord.slash(thread, ann, "ask", prompt="hello")
    (answer,) = await answer_in(discord, thread)
    assert shown([answer]) == "tuned, 1 turns: hello"
    assert answer.revisions[-1].at - before < SOON_S


async def test_a_channel_that_cannot_be_looked_up_is_left_alone(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    thread = hidden_thread(discord, room, ann)
    fault = discord.fault(FaultKind.FORBIDDEN, CHANNEL, times=99)
    await bot.ask(thread, ann, "hello")
    await bot.ask(thread, ann, "hello")
    await discord.until(lambda: fault.struck)
    await bot.ask(room, ann, "here?")
    await answer_in(discord, room)
    assert discord.from_bot(thread) == []
    assert thread.typed_at == []
