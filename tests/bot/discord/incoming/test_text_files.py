from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import discord
import pytest

from bot.discord.incoming.text_files import FILE_BYTES, FILES, is_text, read_files
from tests.fakes.outlet import refusal


@dataclass
class File:
    """As much of an attachment as is read."""

    filename: str
    data: bytes = b"text"
    content_type: str | None = None
    failure: Exception | None = None

    @property
    def size(self) -> int:
        return len(self.data)

    async def read(self) -> bytes:
        if self.failure is not None:
            raise self.failure
        return self.data


def attached(*files: Any) -> Sequence[discord.Attachment]:
    return files


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("notes.txt", None, True),
        ("NOTES.MD", None, True),
        ("x.weird", "text/plain; charset=utf-8", True),
        ("x.py", "application/octet-stream", True),
        ("x.JSONL", None, True),
        ("cat.png", "image/png", False),
        ("txt", None, False),
        ("x.txtx", None, False),
    ],
)
def test_what_counts_as_text(name: str, kind: str | None, expected: bool):
    assert is_text(name, kind) is expected


async def test_files_are_put_under_their_names():
    text, notices = await read_files(
        attached(File("a.txt", b"one"), File("b.md", b"\xfftwo")), 1000
    )
    assert text == "\n\na.txt:\none\n\nb.md:\n\ufffdtwo"
    assert notices == ()


async def test_what_is_left_out_is_said():
    files = [
        File("big.txt", b"x" * (FILE_BYTES + 1)),
        File("gone.txt", failure=refusal(404)),
        File("cat.png"),
        *[File(f"{n}.txt", b"n") for n in range(FILES)],
    ]
    text, notices = await read_files(attached(*files), 1000)
    assert text.count("txt") == FILES - 2
    joined = " ".join(notices)
    for part in ("pictures", "big.txt", "gone.txt", f"first {FILES} files"):
        assert part in joined


async def test_there_is_room_for_so_much():
    text, notices = await read_files(attached(File("a.txt", b"x" * 50), File("b.txt", b"y")), 30)
    assert len(text) == 30
    assert "only the beginning of a.txt" in notices[0]
    assert "left out b.txt" in notices[1]


async def test_nothing_attached_is_nothing_to_say():
    assert await read_files([], 100) == ("", ())
