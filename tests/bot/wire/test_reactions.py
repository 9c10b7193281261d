"""Ratings by reaction: as they come, and what changed while the bot was away."""

import pytest

from tests.bot.wire.reading import answer_in, answers_in, rated
from tests.discord_server.driver import Discord
from tests.discord_server.rest.faults import FaultKind
from tests.discord_server.state.messages import Message
from tests.programs.bot_on_discord import Bot, bot_of_a_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
RATINGS = """
    SELECT ratings.user_id, kind FROM ratings
    JOIN answer_messages USING (answer_id) WHERE message_id = ? ORDER BY 1, 2
"""
GET_MESSAGE = "GET /channels/{channel}/messages/{message}"
bot = bot_of_a_file(script={"step_seconds": 0.0})


async def answered(bot: Bot, discord: Discord) -> Message:
    room = discord.channel()
    await bot.ask(room, discord.user(), "rate me")
    (answer,) = await answer_in(discord, room)
    await rated(discord, answer)
    return answer


async def ratings(bot: Bot, answer: Message, *wanted: tuple[object, str]) -> None:
    rows = sorted((str(getattr(user, "id", user)), kind) for user, kind in wanted)
    await bot.until_rows(RATINGS, rows, str(answer.id))


async def test_reactions_are_ratings(bot: Bot, discord: Discord):
    ann, bob, robot = discord.user("Ann"), discord.user("Bob"), discord.user("Robot", bot=True)
    answer = await answered(bot, discord)
    await discord.react(answer, robot, "👎")
    await discord.react(answer, ann, "👍🏿")
    await discord.react(answer, ann, "😂")
    await discord.react(answer, bob, "🤖", burst=True)
    await discord.react(answer, bob, "🦀")
    await ratings(bot, answer, (ann, "good"), (ann, "funny"), (bob, "robotic"))
    await discord.react(answer, ann, "👎")
    await ratings(bot, answer, (ann, "bad"), (ann, "funny"), (bob, "robotic"))
    await discord.unreact(answer, bob, "🤖", burst=True)
    await ratings(bot, answer, (ann, "bad"), (ann, "funny"))
    await discord.clear_reactions(answer, "😂")
    await ratings(bot, answer, (ann, "bad"))
    await discord.clear_reactions(answer)
    await ratings(bot, answer)


async def test_what_changed_while_it_was_away_is_made_up_for(bot: Bot, discord: Discord):
    ann, bob, cem = discord.user("Ann"), discord.user("Bob"), discord.user("Cem")
    answer, other = await answered(bot, discord), await answered(bot, discord)
    await discord.react(answer, ann, "👍")
    await discord.react(answer, bob, "😂")
    await discord.react(other, ann, "👎")
    await ratings(bot, answer, (ann, "good"), (bob, "funny"))
    await ratings(bot, other, (ann, "bad"))
    assert await bot.end() == 0
    await discord.unreact(answer, ann, "👍")
    await discord.react(answer, ann, "👎")
    await discord.unreact(answer, bob, "😂")
    await discord.react(answer, cem, "🤖", burst=True)
    await discord.clear_reactions(other)
    dan, eve = discord.user("Dan"), discord.user("Eve")
    for emoji in ("👎", "👍", "😂"):  # both verdicts: which came later is not told
        await discord.react(other, dan, emoji)
    await discord.react(other, eve, "👍")
    await bot.start()
    await ratings(bot, answer, (ann, "bad"), (cem, "robotic"))
    await ratings(bot, other, (dan, "funny"), (eve, "good"))
    assert bot.log().count("1 person gave 👍 and 👎 while I was away") == 1
    assert str(dan.id) not in bot.log()
    await discord.unreact(other, dan, "👍")
    await ratings(bot, other, (dan, "funny"), (dan, "bad"), (eve, "good"))


async def test_making_up_goes_on_after_faults_and_limits(bot: Bot, discord: Discord):
    ann = discord.user("Ann")
    answers = [await answered(bot, discord) for _ in range(3)]
    assert await bot.end() == 0
    for answer in answers:
        await discord.react(answer, ann, "👍")
    discord.limit(GET_MESSAGE, 1, 0.2, hidden=True)
    discord.fault(FaultKind.STATUS, GET_MESSAGE)
    discord.fault(FaultKind.CUT, GET_MESSAGE)
    discord.fault(FaultKind.FORBIDDEN, GET_MESSAGE,
                  where=lambda call: call.args["message"] == str(answers[1].id))  # fmt: skip
    await bot.start()
    await ratings(bot, answers[0], (ann, "good"))
    assert bot.rows(RATINGS, str(answers[1].id)) == []


async def test_stats_tell_it_in_words_and_in_a_picture(bot: Bot, discord: Discord):
    """Of a model that nobody else here asks, so that its figures are known."""
    room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
    for variant in ("tuned", "base", "base"):
        await discord.slash(room, ann, "ask", prompt="rate me", variant=variant)
    _, (first,), (second,) = await answers_in(discord, room, 3)
    for answer, user, emoji in ((first, ann, "👍"), (first, bob, "👎"), (second, bob, "😂")):
        await discord.react(answer, user, emoji)
    await ratings(bot, first, (ann, "good"), (bob, "bad"))
    await ratings(bot, second, (bob, "funny"))
    asked = await discord.settled(await discord.slash(room, bob, "stats", variant="base"))
    (said,) = asked.messages
    assert not said.ephemeral
    figures = "answers 2, 👍 1, 👎 1, liked 50% (9%–91%), 😂 per answer 0.50, 🤖 per answer 0.00"
    assert f"- **base**: {figures}" in said.content
    assert "tuned" not in said.content
    assert "by the askers themselves: 👍 1, 👎 0" in said.content
    (picture,) = said.files
    assert picture.name == "ratings.png"
    assert picture.data.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.data.endswith(b"IEND\xaeB`\x82")
    (call,) = [one for one in discord.calls if one.files]
    (about,) = call.body["attachments"]
    assert about["description"].endswith("base: 50% (9% to 91%) of 2 votes, not enough votes yet")
