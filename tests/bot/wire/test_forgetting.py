"""What is forgotten is a person's own and nothing else, whatever the person is called."""

import json
from typing import Any

import pytest

from data.records import Said
from data.store.rows import to_turns
from tests.bot.wire.reading import answer_in, answers_in, shown
from tests.discord_server.driver import Discord
from tests.discord_server.state.messages import Message
from tests.discord_server.state.places import Channel, User
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
TURNS = "SELECT turns FROM requests WHERE user_id = ? ORDER BY id"
bot = bot_of_a_file(script={"reply": "{variant} read {turns}", "step_seconds": 0.0})


async def chain(bot: Bot, room: Channel, *lines: tuple[User, str]) -> list[Message]:
    """A conversation in which each replies to the answer before; gives the answers."""
    answers: list[Message] = []
    for number, (user, text) in enumerate(lines, start=1):
        more = {"reply_to": answers[-1]} if answers else {}
        await bot.ask(room, user, text, **more)
        answers.append((await answers_in(bot.discord, room, number))[-1][-1])
    return answers


async def forget(bot: Bot, user: User) -> None:
    discord = bot.discord
    asked = await discord.settled(await discord.slash(discord.channel(), user, "forget"))
    await discord.click(asked.messages[0], user, "Delete everything")
    await discord.until(lambda: "Forgotten" in asked.text or "nothing stored" in asked.text)


def contents(bot: Bot, user: User) -> list[list[str]]:
    stored: list[list[dict[str, Any]]] = [
        json.loads(row[0]) for row in bot.rows(TURNS, str(user.id))
    ]
    return [[turn["content"] for turn in turns] for turns in stored]


def parts(bot: Bot, user: User) -> list[list[tuple[str, Said]]]:
    """Role and part, for each part of each of a person's requests."""
    return [
        [(turn.role, part) for turn in to_turns(row[0]) for part in turn.said]
        for row in bot.rows(TURNS, str(user.id))
    ]


@pytest.mark.parametrize("name", ["a", "I", "Ann", "tuned", "user_id"])
async def test_only_the_persons_own_lines_go(bot: Bot, discord: Discord, name: str):
    room, far = discord.channel(), discord.channel()
    gone, bob = discord.user(name), discord.user("Bob")
    await chain(
        bot, room,
        (bob, f"a: I like Annual reports\n{name}: they say"),
        (gone, "my purple zeppelin"),
        (bob, f"what does {name}: mean?\n{name}: so?"),
    )  # fmt: skip
    await chain(bot, far, (bob, f"{name}: is in a banana"), (bob, f"I said {name}: again"))
    before = parts(bot, bob)
    assert "my purple zeppelin" in str(before)
    await forget(bot, gone)
    assert parts(bot, bob) == [
        [one for one in request if one[1].user_id != str(gone.id)] for request in before
    ]
    texts = contents(bot, bob)
    assert "zeppelin" not in str(texts)
    assert texts[1][-1].endswith(f"what does {name}: mean?\n  {name}: so?")


async def test_who_was_renamed_is_forgotten_under_every_name(bot: Bot, discord: Discord):
    room, gone, bob = discord.channel(), discord.user("Before"), discord.user("Bob")
    first = (await chain(bot, room, (gone, "the first secret")))[-1]
    gone.name = "After"
    await bot.ask(room, gone, "the second secret", reply_to=first)
    second = (await answers_in(discord, room, 2))[-1][-1]
    await bot.ask(room, bob, "and?", reply_to=second)
    await answers_in(discord, room, 3)
    assert str(contents(bot, bob)).count("secret") == 2
    handed = await discord.settled(await discord.slash(room, gone, "mydata"))
    quoted = json.loads(handed.messages[0].files[0].data)["quoted"]
    assert sum("secret" in row["text"] for row in quoted) == 2
    assert "and?" not in str(quoted)
    await forget(bot, gone)
    assert "secret" not in str(contents(bot, bob))
    assert contents(bot, bob)[0][-1].endswith("and?")


async def test_what_was_forgotten_can_still_be_asked_again(bot: Bot, discord: Discord):
    room, gone, bob = discord.channel(), discord.user("Eve"), discord.user("Bob")
    answers = await chain(bot, room, (gone, "hello"), (bob, "and me?"))
    await forget(bot, gone)
    await discord.click(answers[-1], bob, "Again")
    again = await discord.until(
        lambda: [one for one in discord.from_bot(room) if one.id > answers[-1].id and one.labels
                 and "Again" in str(one.labels)]
    )  # fmt: skip
    assert shown(again[-1:]) == "tuned read 1"


async def test_the_buttons_outlive_a_restart(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    await bot.ask(room, ann, "the purple submarine")
    await answer_in(discord, room)
    asked = await discord.settled(await discord.slash(room, ann, "forget"))
    kept = await discord.settled(await discord.slash(room, ann, "forget"))
    handed = await discord.settled(await discord.slash(room, ann, "mydata"))
    assert await bot.end() == 0
    await bot.start()
    await discord.click(kept.messages[0], ann, "Keep it")
    assert kept.text == "Nothing was deleted."
    again = await discord.click(handed.messages[0], ann, "Delete it all")
    assert again.messages[0].labels == ["Delete everything", "Keep it"]
    await discord.click(asked.messages[0], ann, "Delete everything")
    await discord.until(lambda: "Forgotten: 1 message" in asked.text)
    assert bot.rows("SELECT 1 FROM requests WHERE user_id = ?", str(ann.id)) == []
