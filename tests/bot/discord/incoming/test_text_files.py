import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import discord
import pytest

from bot.discord.api.patience import Patience
from bot.discord.incoming.text_files import FILE_BYTES, FILES, FileState, TextFiles, text_of
from tests.fakes.outlet import refusal

_ids = itertools.count(1)


@dataclass
class File:
    """As much of an attachment as is read."""

    filename: str
    data: bytes = b"text"
    failure: Exception | None = None
    opened: int = 0
    id: int = field(default_factory=lambda: next(_ids))

    @property
    def size(self) -> int:
        return len(self.data)

    async def read(self) -> bytes:
        self.opened += 1
        if self.failure is not None:
            raise self.failure
        return self.data


def attached(*files: Any) -> Sequence[discord.Attachment]:
    return files


async def read(*files: Any, room: int = 1000) -> tuple[str, tuple[str, ...]]:
    return await TextFiles().read(attached(*files), room, Patience())


async def test_files_are_put_under_their_names():
    text, notices = await read(File("a.txt", b"one"), File("b.md", b"\xfftwo"))
    assert text == "\n\na.txt:\none\n\nb.md:\nÿtwo"
    assert notices == ()


async def test_what_is_left_out_is_said():
    files = [
        File("empty.txt", b""),
        File("gone.txt", failure=refusal(404)),
        File("cat.txt", b"\x89PNG\r\n\x1a\n"),
        *[File(f"{n}.txt", b"n") for n in range(FILES)],
    ]
    text, notices = await read(*files)
    assert text == "\n\nempty.txt: (an empty file)\n\n0.txt:\nn"
    joined = " ".join(notices)
    for part in ("empty.txt is empty", "gone.txt", "no text in it", f"first {FILES} files"):
        assert part in joined


async def test_there_is_room_for_so_much():
    text, notices = await read(File("a.txt", b"x" * 50), File("b.txt", b"y"), room=30)
    assert len(text) == 30
    assert "only the beginning of a.txt" in notices[0]
    assert "left out b.txt" in notices[1]


async def test_nothing_attached_is_nothing_to_say():
    assert await read() == ("", ())


async def test_a_file_is_opened_once_and_again_where_that_failed():
    files, kept = TextFiles(), File("a.txt")
    lost = File("b.txt", failure=refusal(404))
    for _ in range(2):
        await files.read(attached(kept, lost), 1000, Patience())
    assert (kept.opened, lost.opened) == (1, 2)
    assert files.knows(attached(kept))
    assert not files.knows(attached(kept, lost))
    files.clear()
    assert not files.knows(attached(kept))


async def test_without_patience_nothing_is_opened():
    file = File("a.txt")
    text, (notice,) = await TextFiles().read(attached(file), 1000, Patience(0))
    assert (text, file.opened) == ("", 0)
    assert "Discord did not give it" in notice


@pytest.mark.parametrize(
    ("name", "data", "is_cut", "state"),
    [
        ("a.txt", b"hi", False, FileState.WHOLE),
        ("a.txt", b"x" * FILE_BYTES, True, FileState.CUT),
        ("a.txt", b"", False, FileState.EMPTY),
        ("a.txt", b" \n", False, FileState.EMPTY),
        ("a.txt", b"\xef\xbb\xbf", False, FileState.EMPTY),
        ("a.txt", b"PK\x03\x04", False, FileState.NO_TEXT),
        ("a.ipynb", b"{not json", False, FileState.WHOLE),
    ],
)
def test_what_became_of_a_file(name: str, data: bytes, is_cut: bool, state: FileState):
    assert text_of(name, data, is_cut=is_cut).state is state
