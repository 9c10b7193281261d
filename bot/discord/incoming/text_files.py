"""Reading the text files that people attach: what they hold decides, not what they are called."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import aiohttp
import discord

from bot.discord import phrases
from bot.discord.api.patience import Patience
from bot.discord.content.contents import CUT_SIGN, cut
from bot.discord.content.encodings import decoded
from bot.discord.content.notebooks import notebook_text
from bot.discord.newest import Newest

FILE_BYTES = 64 * 1024  # of a longer file the beginning is read
NOTEBOOK_BYTES = 2 * 1024 * 1024  # cut, it could not be read; most of one is pictures
FILES = 4
_REMEMBERED = 64  # files, for those that a conversation comes back to


class FileState(Enum):
    """What became of reading a file."""

    WHOLE = auto()
    CUT = auto()
    EMPTY = auto()
    NO_TEXT = auto()  # its bytes are none
    NOT_GIVEN = auto()  # Discord did not hand it out


@dataclass(frozen=True, slots=True)
class FileText:
    """A file's text, as far as it was read."""

    state: FileState
    text: str = ""


class TextFiles:
    """Opens attached files; the newest texts are remembered."""

    def __init__(self) -> None:
        self._known: Newest[int, FileText] = Newest(_REMEMBERED)

    async def read(
        self, files: Sequence[discord.Attachment], room: int, patience: Patience
    ) -> tuple[str, tuple[str, ...]]:
        """The files' text for a prompt, at most `room` characters, and remarks for the person.

        Each file begins with its name. A remark names what was left out or cut. Raises nothing
        for files that cannot be had or read.
        """
        text, remarks = "", list[str]()
        for file in files[:FILES]:
            part, remark = _told(file.filename, await self._open(file, patience), room - len(text))
            text += part
            remarks += [remark] if remark else []
        if len(files) > FILES:
            remarks.append(phrases.files_left_out(FILES))
        return text, tuple(remarks)

    def knows(self, files: Sequence[discord.Attachment]) -> bool:
        """Whether the files that would be read were, so that they need not be fetched again."""
        return all(self._known.get(file.id) is not None for file in files[:FILES])

    def clear(self) -> None:
        """Forget every text."""
        self._known.clear()

    async def _open(self, file: discord.Attachment, patience: Patience) -> FileText:
        if (known := self._known.get(file.id)) is not None:
            return known
        data = await patience.read(file.filename, lambda: _beginning(file), None)
        if data is None:
            return FileText(FileState.NOT_GIVEN)
        is_cut = len(data) < file.size
        # Telling an encoding takes a while, and others want to be answered meanwhile.
        found = await asyncio.to_thread(text_of, file.filename, data, is_cut=is_cut)
        self._known.put(file.id, found)
        return found


def text_of(name: str, data: bytes, *, is_cut: bool = False) -> FileText:
    """What a file holds; `is_cut` says that `data` is only its beginning. Pure."""
    if not data:
        return FileText(FileState.EMPTY)
    text = decoded(data, is_cut=is_cut)
    if text is None:
        return FileText(FileState.NO_TEXT)
    if name.lower().endswith(".ipynb") and (cells := notebook_text(text)) is not None:
        text = cells
    if not text.strip():
        return FileText(FileState.EMPTY)
    return FileText(FileState.CUT if is_cut else FileState.WHOLE, text)


async def _beginning(file: discord.Attachment) -> bytes:
    """A file's bytes, of a large one the first: it may be hundreds of megabytes long."""
    most = NOTEBOOK_BYTES if file.filename.lower().endswith(".ipynb") else FILE_BYTES
    if file.size <= most:
        return await file.read()
    asked = {"Range": f"bytes=0-{most - 1}"}
    async with aiohttp.ClientSession() as session, session.get(file.url, headers=asked) as answer:
        answer.raise_for_status()
        data = bytearray()
        async for chunk in answer.content.iter_chunked(most):
            data += chunk
            if len(data) >= most:
                break
        return bytes(data[:most])


def _told(name: str, found: FileText, room: int) -> tuple[str, str]:
    """A file's part of the prompt, and the remark about it, either of them may be empty."""
    head = f"\n\n{name}:\n"
    match found.state:
        case FileState.NOT_GIVEN:
            return "", phrases.file_not_given(name)
        case FileState.NO_TEXT:
            return "", phrases.file_without_text(name)
        case FileState.EMPTY:
            return f"\n\n{name}: (an empty file)"[: max(0, room)], phrases.file_empty(name)
        case FileState.WHOLE | FileState.CUT if room <= len(head):
            return "", phrases.file_too_long(name)
        case FileState.WHOLE | FileState.CUT:
            room -= len(head)
            if found.state is FileState.WHOLE and len(found.text) <= room:
                return head + found.text, ""
            return head + cut(found.text + CUT_SIGN, room), phrases.file_cut(name)
