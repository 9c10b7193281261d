"""What surrounds a question never makes it too long, and never keeps it from being asked."""

from pathlib import Path

from bot.discord import phrases
from tests.bot.discord.stage import stage


async def test_files_and_pictures_take_no_more_room_than_there_is(tmp_path: Path):
    async with stage(tmp_path, prompt_max_chars=60) as on:
        files = [("notes.txt", b"milk " * 50), ("cat.png", b"\x89PNG")]
        await on.ann.send(on.channel, f"{on.mention} sum it up", attachments=files)
        prompt = on.turns()[-1][1]
        assert prompt.startswith("sum it up\n\nnotes.txt:\nmilk")
        assert prompt.endswith(" …\n[picture cat.png]")
        assert len(prompt) <= 60
        await on.ann.send(on.channel, f"{on.mention} {'long ' * 11}", attachments=files[1:])
        assert on.turns()[-1][1] == ("long " * 11).strip()


async def test_a_message_from_before_a_reset_can_be_pointed_at(tmp_path: Path):
    async with stage(tmp_path, message_content=True) as on:
        said = await on.bob.send(on.channel, "Cats are liquid.")
        await on.ann.slash(on.channel, "reset")
        await on.ann.send(on.channel, on.mention, reply_to=said)
        assert on.turns() == (
            ("user", f"bob: Cats are liquid.\nann: {phrases.ABOUT_PROMPT}"),
        )  # fmt: skip


async def test_pointing_at_a_picture_is_declined(tmp_path: Path):
    async with stage(tmp_path, message_content=True) as on:
        shown = await on.bob.send(on.channel, "", attachments=[("cat.png", b"\x89PNG")])
        await on.ann.send(on.channel, on.mention, reply_to=shown)
        assert on.texts() == [phrases.NO_IMAGES]
        assert on.worker.calls == []
