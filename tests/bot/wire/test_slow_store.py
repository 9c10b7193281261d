"""Every command, button, menu entry and typing is answered in time, however slow the store is."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bot.wire.broken_store import locked
from tests.bot.wire.reading import answer_in, answers_in, shown
from tests.discord_server.driver import Discord
from tests.discord_server.state.commands import BOOLEAN, CHANNEL, CHAT_INPUT, INTEGER, ROLE
from tests.discord_server.state.interactions import ANSWER_LIMIT_S, Interaction
from tests.discord_server.state.messages import Json, Message
from tests.discord_server.state.places import Channel, User
from tests.programs.bot_on_discord import Bot, bot_of_a_file, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
MENU_ENTRY = "Ask about this"
bot = bot_of_a_file(
    script={"step_seconds": 0.0},
    settings={"DISCORD_TRAINING_PERMISSION": "ticket 7", "QUEUE_PER_USER": "50"},
)


def value_for(option: Json, discord: Discord, room: Channel) -> Any:
    """Something that fits an option."""
    if option.get("choices"):
        return option["choices"][0]["value"]
    match option["type"]:
        case t if t == BOOLEAN:
            return True
        case t if t == INTEGER:
            return max(30, option.get("min_value") or 0)
        case t if t == CHANNEL:
            return room
        case t if t == ROLE:
            return discord.guild.roles[discord.guild.id]
        case _:
            return "tuned"


def leaves(command: Json, path: str) -> Iterator[tuple[str, list[Json]]]:
    """Each command that can be typed, with its options."""
    options = command.get("options") or []
    below = [one for one in options if one["type"] in (1, 2)]
    if not below:
        yield path, options
    for one in below:
        yield from leaves(one, f"{path} {one['name']}")


async def everything(
    discord: Discord, room: Channel, owner: User, buttons: list[Message]
) -> dict[str, Interaction]:
    """Do at once whatever can be done, each of which has to be answered in time."""
    doings: dict[str, Any] = {}
    for (name, kind), command in discord.world.commands.commands.items():
        if kind != CHAT_INPUT:
            continue
        for path, options in leaves(command, name):
            values = {
                one["name"]: value_for(one, discord, room)
                for one in options
                if one.get("required") or one["type"] == INTEGER
            }
            doings[f"/{path}"] = discord.slash(room, owner, path, **values)
            for one in options:
                if one.get("autocomplete"):
                    before = {key: value for key, value in values.items() if key != one["name"]}
                    doings[f"typing {one['name']} of /{path}"] = discord.autocomplete(
                        room, owner, path, one["name"], "t", **before
                    )
    doings[MENU_ENTRY] = discord.menu(room.last or buttons[0], owner, MENU_ENTRY)
    for number, message in enumerate(buttons):
        for label in message.labels:
            doings[f"{label} ({number})"] = discord.click(message, owner, label)
    done = await asyncio.gather(*doings.values())
    return {name: one for name, one in zip(doings, done, strict=True)
            if isinstance(one, Interaction)}  # fmt: skip


async def private(discord: Discord, room: Channel, user: User, command: str) -> Message:
    """What a command shows to the person alone."""
    return (await discord.settled(await discord.slash(room, user, command))).messages[0]


async def test_everything_is_answered_in_time_while_the_store_waits(bot: Bot):
    discord = bot.discord
    room, owner = discord.channel(), discord.guild.owner
    question = await bot.ask(room, owner, "begin")
    answer = (await answer_in(discord, room, after=question))[-1]
    shown_privately = [
        await private(discord, room, owner, name) for name in ("privacy", "mydata", "forget")
    ]
    with locked(bot):
        stuck = await discord.slash(room, owner, "settings limits", per_hour=0)
        done = await everything(discord, room, owner, [answer, *shown_privately])
        assert not stuck.settled, "the store does not wait"
    names = set(done)
    assert len(names) > 25
    assert {
        "/reset",
        "/persona set",
        "/settings always",
        "/settings threads",
        "/mydata",
        "/model set",
    } <= names
    for name, interaction in done.items():
        late_s = (interaction.answered_at or 0) - interaction.at
        assert late_s < ANSWER_LIMIT_S, name
        await discord.until(lambda one=interaction: one.settled, f"an end of {name}", limit_s=30)


@pytest.mark.parametrize("behind_s", [1200.0, -1200.0])
async def test_a_clock_that_is_wrong_by_twenty_minutes(tmp_path_factory, behind_s: float):
    home = tmp_path_factory.mktemp("wire") / "home"
    async with running(home, script={"step_seconds": 0.0}, behind_s=behind_s) as bot:
        discord = bot.discord
        room, ann = discord.channel(), discord.user("Ann")
        asked = await discord.slash(room, ann, "ask", prompt="what time is it?")
        (answer,) = await answer_in(discord, room)
        assert answer is asked.original, "no message beside the one that thinks"
        assert not answer.thinking
        await discord.click(answer, ann, "Again")
        _, again = await answers_in(discord, room, 2)
        assert shown(again) == "tuned: what time is it?"
        await bot.ask(room, ann, "and now?")
        *_, last = await answers_in(discord, room, 3)
        assert shown(last) == "tuned: and now?"
