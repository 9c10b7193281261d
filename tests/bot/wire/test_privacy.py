"""`/privacy`, `/mydata` and `/forget`: what is stored, what is handed out, what is gone."""

import json
from pathlib import Path

import pytest

from data.files.export import export
from data.files.export_manifest import LeftOut
from data.store.database import FILE_NAME
from tests.bot.wire.reading import answers_in
from tests.discord_server.driver import Discord
from tests.discord_server.state.interactions import ResponseKind
from tests.discord_server.state.messages import Message
from tests.discord_server.state.places import Channel, User
from tests.programs.bot_on_discord import Bot, bot_of_a_file, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
REFERENCE, POLICY = "ticket 7", "https://example.org/privacy"
RATED = "SELECT kind FROM ratings WHERE user_id = ? ORDER BY kind"
ASKED = "SELECT prompt, state FROM requests WHERE user_id = ?"
AGREED = "SELECT value FROM settings WHERE scope = 'user' AND scope_id = ?"
bot = bot_of_a_file(
    script={"step_seconds": 0.0},
    settings={"DISCORD_TRAINING_PERMISSION": REFERENCE, "PRIVACY_POLICY_URL": POLICY},
)


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


async def test_without_discords_permission_nothing_said_there_leaves(tmp_path: Path):
    async with running(tmp_path / "home", script={"step_seconds": 0.0}) as bot:
        discord = bot.discord
        room, ann = discord.channel(), discord.user("Ann")
        await rated_by(bot, room, ann, (ann, "may they have this?"))
        shown = await told(discord, room, ann, "privacy")
        assert "Discord forbids training" in shown.texts
        assert "My operator has not told me where their privacy policy is." in shown.texts
        assert shown.labels == []
        manifest = export(bot.program.home / FILE_NAME, tmp_path / "ratings.jsonl")
        assert (manifest.ratings, manifest.left_out[LeftOut.PERMISSION]) == (0, 1)
        assert b"may they have this" not in (tmp_path / "ratings.jsonl").read_bytes()


async def test_privacy_is_an_opt_in_that_the_export_goes_by(
    bot: Bot, discord: Discord, tmp_path: Path
):
    room, ann = discord.channel(), discord.user("Ann")
    await rated_by(bot, room, ann, (ann, "may they have this?"))

    def exported(name: str) -> int:
        return export(bot.program.home / FILE_NAME, tmp_path / name, REFERENCE).ratings

    shown = await told(discord, room, ann, "privacy")
    assert "**not** used for training" in shown.texts
    assert f"reference: {REFERENCE}" in shown.texts
    assert f"<{POLICY}>" in shown.texts
    assert exported("before") == 0
    agreed = await discord.click(shown, ann, "Use my data for training")
    assert agreed.response is ResponseKind.UPDATE
    await discord.until(lambda: "**You agreed**" in shown.texts)
    assert bot.rows(AGREED, str(ann.id)) == [("yes",)]
    assert exported("agreed") == 1
    await discord.click(shown, ann, "Don't use it")
    await discord.until(lambda: "**not** used for training" in shown.texts)
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
    await bot.until_rows(AGREED, [("yes",)], str(ann.id))
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


async def test_forget_names_the_exports_and_the_adapters_made_from_them(
    bot: Bot, discord: Discord, tmp_path: Path
):
    room, ann = discord.channel(), discord.user("Ann")
    await rated_by(bot, room, ann, (ann, "this left"))
    consent = await told(discord, room, ann, "privacy")
    await discord.click(consent, ann, "Use my data for training")
    await bot.until_rows(AGREED, [("yes",)], str(ann.id))
    out = tmp_path / "ratings.jsonl"
    manifest = export(bot.program.home / FILE_NAME, out, REFERENCE)
    assert manifest.ratings == 1
    assert str(ann.id) not in out.read_text() + (tmp_path / f"{out.name}.manifest.json").read_text()
    adapter = bot.program.home / "training" / "mine"
    adapter.mkdir(parents=True)
    (adapter / "manifest.json").write_text(json.dumps({"data": {"exports": [manifest.id]}}))
    asked = await told(discord, room, ann, "forget")
    await discord.click(asked, ann, "Delete everything")
    await discord.until(lambda: "Forgotten" in asked.texts)
    assert "this holds something of you: export `ratings.jsonl`, adapter `mine`." in asked.texts
    log = bot.log()
    assert f"{out}.manifest.json" in log
    assert f"adapter: {adapter}" in log
    assert str(ann.id) not in log
