from dataclasses import dataclass

import pytest

from bot.discord.content.file_kinds import may_be_text, media_word


@dataclass(frozen=True)
class Attached:
    filename: str
    content_type: str | None = None
    waveform: bytes | None = None


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("notes.txt", None, True),
        ("NOTES.MD", None, True),
        ("x.weird", "text/plain; charset=utf-8", True),
        ("x.py", "application/octet-stream", True),
        ("x.ts", "video/mp2t", True),
        ("notes.txt", "image/png", True),
        ("Dockerfile", None, True),
        ("Makefile", "application/octet-stream", True),
        ("run.ps1", "application/x-powershell", True),
        ("book.ipynb", "application/x-ipynb+json", True),
        (".gitignore", None, True),
        ("something", None, True),
        ("cat.png", "text/plain", True),
        ("cat.png", None, False),
        ("cat", "image/png", False),
        ("cat.png", "image/png", False),
        ("talk.mp4", "video/mp4", False),
        ("x.zip", "application/zip", False),
        ("x", "application/pdf", False),
    ],
)
def test_what_is_worth_opening(name: str, kind: str | None, expected: bool):
    assert may_be_text(Attached(name, kind)) is expected


@pytest.mark.parametrize(
    ("file", "word"),
    [
        (Attached("cat.png"), "picture"),
        (Attached("x", "image/heic"), "picture"),
        (Attached("x.mp4", "video/mp4"), "video"),
        (Attached("x.mp3", "audio/mpeg"), "audio file"),
        (Attached("x.ogg", "audio/ogg", b"AA"), "voice message"),
        (Attached("x.zip", "application/zip"), "file"),
    ],
)
def test_what_people_call_it(file: Attached, word: str):
    assert media_word(file) == word
