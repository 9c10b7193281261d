"""A worker that is still loading: the person is told soon, and answered later."""

from pathlib import Path

from tests.bot.wire.reading import answer_in, shown
from tests.programs.bot_on_discord import running


async def test_a_question_while_the_model_wakes_up(tmp_path: Path):
    async with running(tmp_path / "home", script={"load_seconds": 3.0}) as bot:
        discord = bot.discord
        room = discord.channel()
        before = discord.now
        question = await bot.ask(room, discord.user(), "awake?")
        await discord.until(lambda: room.typed_at or discord.from_bot(room))
        assert discord.now - before < 1.0
        (note,) = await discord.until(lambda: discord.replies(question))
        assert "💤" in note.content
        assert discord.now - before < 3.0
        assert note.labels == ["Stop"]
        assert await answer_in(discord, room) == [note]
        assert shown([note]) == "tuned: awake?"
