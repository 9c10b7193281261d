"""`/privacy`, `/mydata` and `/forget`: what is stored, what is handed out, what is gone."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from data.files.export import export
from data.store.database import FILE_NAME
from tests.bot.wire.reading import answers_in
from tests.discord_server.driver import Discord
from tests.discord_server.state.interactions import ResponseKind
from tests.discord_server.state.messages import Message
from tests.discord_server.state.places import Channel, User
from tests.programs.bot_on_discord import Bot, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
RATED = "SELECT kind FROM ratings WHERE user_id = ? ORDER BY kind"
ASKED = "SELECT prompt, state FROM requests WHERE user_id = ?"
AGREED = "SELECT value FROM settings WHERE scope = 'user' AND scope_id = ?"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
    home = tmp_path_factory.mktemp("wire") / "home"
    async with running(home, script={"step_seconds": 0.0}) as one:
        yield one


@pytest.fixture
def discord(bot: Bot) -> Discord:
    return bot.discord


async def told(discord: Discord, room: Channel, user: User, command: str) -> Message:
    """What a command answers to the asker alone."""
    interaction = await discord.settled(await discord.slash(room, user, command))
    (message,) = interaction.messages
    assert message.ephemeral
    return message


async def rated_by(bot: Bot, room: Channel, ann: User, *questions: tuple[User, str]) -> None:
    """Each question answered in turn, and each answer found good by `ann`."""
    for number, (user, text) in enumerate(questions, start=1):
        await bot.ask(room, user, text)
        answers = await answers_in(bot.discord, room, number)
        await bot.discord.react(answers[-1][-1], ann, "👍")
    await bot.until_rows(RATED, [("good",)] * len(questions), str(ann.id))


async def test_privacy_is_an_opt_in_that_the_export_goes_by(
    bot: Bot, discord: Discord, tmp_path: Path
):
    room, ann = discord.channel(), discord.user("Ann")
    await rated_by(bot, room, ann, (ann, "may they have this?"))

    def exported(name: str) -> int:
        return export(bot.program.home / FILE_NAME, tmp_path / name)

    shown = await told(discord, room, ann, "privacy")
    assert "**not** used for training" in shown.texts
    assert exported("before") == 0
    agreed = await discord.click(shown, ann, "Use my data for training")
    assert agreed.response is ResponseKind.UPDATE
    assert "**You agreed**" in shown.texts
    assert bot.rows(AGREED, str(ann.id)) == [("yes",)]
    assert exported("agreed") == 1
    await discord.click(shown, ann, "Don't use it")
    assert "**not** used for training" in shown.texts
    assert bot.rows(AGREED, str(ann.id)) == [("no",)]
    assert exported("refused") == 0


async def test_mydata_is_a_file_for_the_asker_alone(bot: Bot, discord: Discord):
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    await rated_by(bot, room, ann, (ann, "the purple zeppelin"), (bob, "the yellow one"))
    given = await told(discord, room, ann, "mydata")
    (file,) = given.files
    assert file.name == "my-fungpt-data.json"
    stored = json.loads(file.data)
    assert stored["user_id"] == str(ann.id)
    assert [(row["prompt"], row["text"]) for row in stored["requests"]] == [
        ("the purple zeppelin", "tuned: the purple zeppelin")
    ]
    assert [row["rating"] for row in stored["ratings"]] == ["good", "good"]
    assert [row["emoji"] for row in stored["reactions"]] == ["👍", "👍"]
    assert b"yellow" not in file.data


async def test_forget_asks_first_and_can_be_left_alone(bot: Bot, discord: Discord):
    room, ann = discord.channel(), discord.user("Ann")
    await rated_by(bot, room, ann, (ann, "keep me"))
    asked = await told(discord, room, ann, "forget")
    assert asked.labels == ["Delete everything", "Keep it"]
    assert bot.rows(ASKED, str(ann.id)) == [("keep me", "finished")]
    await discord.click(asked, ann, "Keep it")
    assert (asked.texts, asked.labels) == ("Nothing was deleted.", [])
    assert bot.rows(ASKED, str(ann.id)) == [("keep me", "finished")]
    assert bot.rows(RATED, str(ann.id)) == [("good",)]
    assert not any(one.deleted for one in discord.from_bot(room))


async def test_forget_leaves_counts_without_a_name(bot: Bot, discord: Discord):
    room, ann, bob = discord.channel(), discord.user("Annabella"), discord.user("Bob")
    await rated_by(bot, room, ann, (ann, "the secret submarine"), (bob, "good day"))
    answer, other = discord.from_bot(room)
    kept = bot.rows("SELECT count(*) FROM ratings")
    consent = await told(discord, room, ann, "privacy")
    await discord.click(consent, ann, "Use my data for training")
    asked = await told(discord, room, ann, "forget")
    await discord.click(asked, ann, "Delete everything")
    await discord.until(lambda: "Forgotten" in asked.texts)
    assert asked.texts == (
        "Forgotten: 1 message of yours with my answers, and 2 ratings."
        " I am deleting 1 answer message of mine here on Discord."
    )
    assert asked.buttons == []
    await discord.until(lambda: answer.deleted, "the answer is taken away")
    assert not other.deleted
    for table in ("requests", "ratings", "reactions"):
        assert bot.rows(f"SELECT 1 FROM {table} WHERE user_id = ?", str(ann.id)) == []
    assert bot.rows(AGREED, str(ann.id)) == []
    assert bot.rows(ASKED, str(bob.id)) == [("good day", "finished")]
    assert bot.rows("SELECT count(*) FROM ratings") == kept
    for path in (one for one in bot.program.home.rglob("*") if one.is_file()):
        content = path.read_bytes()
        for trace in ("secret submarine", "Annabella", str(ann.id), str(answer.id)):
            assert trace.encode() not in content, f"{path.name} still knows {trace}"
