"""Slash commands, autocomplete, the context menu and the buttons, over the wire."""

import pytest

from tests.bot.wire.reading import (
    SENTENCE,
    answer_in,
    answers_in,
    conversation,
    is_done,
    rated,
    shown,
    small_print,
    squeezed,
    still_works,
)
from tests.discord_server.driver import Discord
from tests.discord_server.state.interactions import ANSWER_LIMIT_S, ResponseKind
from tests.discord_server.state.messages import Message
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
PARAGRAPH = ("Opinions are cheap, and this one is no exception to that rule at all. " * 6).strip()
CODE = (
    "```python\n" + "".join(f"print({number}, 'a line of code')\n" for number in range(120)) + "```"
)
LONG = "\n\n".join([*[PARAGRAPH] * 4, CODE, *[PARAGRAPH] * 4])
TWO_MESSAGES = "\n\n".join([PARAGRAPH] * 7)
SEND = "POST /channels/{channel}/messages"
COMMANDS = "PUT /applications/{application}/commands"
bot = bot_of_a_file(
    script={
        "variants": ["base", "two", "long", "tuned"],
        "reply": "{variant}, {turns} turns: {prompt}",
        "replies": {"long": LONG, "two": TWO_MESSAGES},
        "step_seconds": 0.0005,
    },
    settings={"MAX_TOKENS": "10000", "MAX_CONTEXT": "20000"},
)


async def test_the_long_answers_are_long():
    assert 6000 < len(LONG) < 7000
    assert 2000 < len(TWO_MESSAGES) < 4000


async def test_ask_defers_at_once_and_fills_in_the_answer(discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    interaction = await discord.slash(room, ann, "ask", prompt="what now?")
    assert interaction.response is ResponseKind.DEFERRED_MESSAGE
    assert (interaction.answered_at or 0) - interaction.at < ANSWER_LIMIT_S / 3
    (answer,) = await answer_in(discord, room)
    assert answer is interaction.original
    assert shown([answer]) == "tuned, 1 turns: what now?"
    await rated(discord, answer)


async def test_a_long_answer_goes_on_in_follow_ups(discord: Discord):
    room = discord.channel()
    interaction = await discord.slash(room, discord.user(), "ask", prompt="?", variant="two")
    messages = await answer_in(discord, room)
    assert len(messages) == 2
    assert messages == interaction.messages
    assert squeezed(shown(messages)) == squeezed(TWO_MESSAGES)


async def test_a_long_answer_to_a_mention(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    await discord.slash(discord.dm(ann), ann, "model set", variant="long", scope="me")
    question = await bot.ask(room, ann, "tell me everything")
    messages = await answer_in(discord, room)
    assert len(messages) >= 4
    assert messages[0].reference is question
    check_long(messages)
    await rated(discord, messages[-1])
    assert not any(message.buttons for message in messages[:-1])
    await bot.until_rows(
        "SELECT position FROM answer_messages WHERE channel_id = ? ORDER BY position",
        [(position,) for position in range(len(messages))], str(room.id),
    )  # fmt: skip


def check_long(messages: list[Message]) -> None:
    """Nothing lost, nothing twice; fences closed and opened again with their language."""
    for message in messages:
        assert message.content.count("```") % 2 == 0, message.content
        assert len(message.content.encode("utf-16-le")) // 2 <= 2000
    text = squeezed(shown(messages))
    again = "``````python"
    assert again in text
    assert text.replace(again, "") == squeezed(LONG)


async def test_an_answer_outlives_its_token(discord: Discord):
    room = discord.channel()
    interaction = await discord.slash(room, discord.user(), "ask", prompt="?", variant="two")
    await discord.until(lambda: interaction.settled)
    interaction.expired = True
    messages = await answer_in(discord, room)
    assert squeezed(shown(messages)) == squeezed(TWO_MESSAGES)
    assert discord.calls.of(SEND, channel=room.id, status=200)


async def test_autocomplete_knows_the_workers_variants(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    await still_works(bot)  # so that its worker is there
    offered = await discord.autocomplete(room, ann, "model set", "variant")
    assert set(offered) >= {"base", "tuned", "long", "two"}
    assert await discord.autocomplete(room, ann, "ask", "variant", "lo", prompt="x") == ["long"]


async def test_a_model_is_set_for_a_person_and_for_a_channel(bot: Bot, discord: Discord):
    room, other, ann = discord.channel(), discord.channel(), discord.user("Ann")
    refused = await discord.slash(room, ann, "model set", variant="base", scope="channel")
    await discord.until(lambda: refused.settled)
    assert all(message.ephemeral for message in refused.messages)
    owner = discord.guild.owner
    done = await discord.slash(room, owner, "model set", variant="base", scope="channel")
    await discord.until(lambda: done.settled)
    question = await bot.ask(room, ann, "who is it?")
    (answer,) = await answer_in(discord, room, after=question)
    assert shown([answer]) == "base, 1 turns: who is it?"
    assert small_print([answer]) == "base"
    await bot.ask(other, ann, "and here?")
    assert small_print(await answer_in(discord, other)) == "tuned"
    unknown = await discord.slash(room, owner, "model set", variant="nothing", scope="me")
    await discord.until(lambda: "tuned" in unknown.text, unknown.text)


async def test_ask_about_this(discord: Discord):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    message = await discord.say(room, bob, "pineapple belongs on pizza")
    await discord.menu(message, ann, "Ask about this")
    (answer,) = await answer_in(discord, room)
    assert shown([answer]).startswith("tuned, 1 turns:")


async def test_reset_draws_a_line(discord: Discord):
    ann = discord.user("Ann")
    room = discord.dm(ann)
    await discord.say(room, ann, "one")
    await answers_in(discord, room, 1)
    await discord.settled(await discord.slash(room, ann, "reset"))
    await discord.say(room, ann, "two")
    answer = await discord.until(
        lambda: [one for one in discord.from_bot(room) if is_done(one)][1:]
    )
    assert shown(answer) == "tuned, 1 turns: two"


async def test_every_command_answers_in_time(discord: Discord):
    """Those without required options, by one who may all."""
    room, owner = discord.channel(), discord.guild.owner
    book = discord.world.commands
    for name in sorted(book.names()):
        try:
            book.slash(name, {})
        except AssertionError:
            continue  # it needs options
        interaction = await discord.settled(await discord.slash(room, owner, name))
        assert interaction.text or interaction.original is None or interaction.original.files, name


async def test_stop_again_and_the_other_model(bot: Bot, discord: Discord):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    text = SENTENCE * 50
    await discord.slash(room, ann, "ask", prompt=text)
    (answer,) = await discord.until(lambda: [one for one in discord.from_bot(room) if one.buttons])
    refused = await discord.click(answer, bob, "Stop")
    assert all(message.ephemeral for message in refused.messages), "only the asker may stop it"
    await discord.click(answer, ann, "Stop")
    await answers_in(discord, room, 1)
    assert "stopped" in small_print([answer])
    assert 0 < len(shown([answer])) < len(text)
    await discord.click(answer, bob, "Other")
    _, other = await answers_in(discord, room, 2)
    assert shown(other).startswith("base, 1 turns: One more")
    await discord.click(answer, ann, "Again")
    *_, again = await answers_in(discord, room, 3)
    assert shown(again).startswith("tuned, 1 turns: One more")
    await bot.until_rows(
        "SELECT variant, state FROM requests WHERE conversation = ? ORDER BY id",
        [("tuned", "stopped"), ("base", "finished"), ("tuned", "finished")], conversation(room),
    )  # fmt: skip


async def test_buttons_and_settings_survive_a_restart_and_commands_are_not_written_again(
    bot: Bot, discord: Discord
):
    room, ann = discord.channel(), discord.user("Ann")
    owner = discord.guild.owner
    await discord.settled(
        await discord.slash(room, owner, "model set", variant="base", scope="channel")
    )
    question = await bot.ask(room, ann, "before")
    (answer,) = await answer_in(discord, room, after=question)
    written = len(discord.calls.of(COMMANDS))
    assert written == 1
    assert await bot.end() == 0
    await bot.start()
    assert len(discord.calls.of(COMMANDS)) == written
    await discord.click(answer, ann, "Again")
    _, again = await answers_in(discord, room, 2, after=question)
    assert shown(again) == "base, 1 turns: before"
    await discord.click(answer, ann, "Other")
    *_, other = await answers_in(discord, room, 3, after=question)
    assert small_print(other) != "base"
