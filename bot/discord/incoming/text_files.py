"""Reading the text files that people attach, as far as they are small."""

import re
from collections.abc import Sequence
from pathlib import PurePath

import discord

from bot.discord.api.endpoints import UNREACHABLE

FILE_BYTES = 64 * 1024
FILES = 4
_ENDING = re.compile(
    r"\.(txt|md|rst|csv|tsv|log|jsonl?|ya?ml|toml|ini|cfg|conf|xml|html|css|pyi?|[jt]sx?|[ch]|cc|[ch]pp"
    r"|rs|go|java|kt|cs|rb|php|lua|sh|sql|tex|diff|patch|srt)",
    re.IGNORECASE,
)


def is_text(name: str, content_type: str | None) -> bool:
    """Whether a file is text, by its type or its name. Pure."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind.startswith("text/") or bool(_ENDING.fullmatch(PurePath(name).suffix))


async def read_files(
    attachments: Sequence[discord.Attachment], room: int
) -> tuple[str, tuple[str, ...]]:
    """The files' text for a prompt, at most `room` characters, and remarks for the person.

    A remark names what was left out or cut, also a file that Discord did not give. Raises nothing
    for such files.
    """
    parts: list[str] = []
    notices: list[str] = []
    texts = [one for one in attachments if is_text(one.filename, one.content_type)]
    if len(texts) < len(attachments):
        notices.append("I can't look at pictures or other files, so I went by the text.")
    for one in texts[:FILES]:
        head = f"\n\n{one.filename}:\n"
        left = room - sum(map(len, parts)) - len(head)
        if one.size > FILE_BYTES or left <= 0:
            notices.append(f"I left out {one.filename}: it is too long for me.")
            continue
        try:
            text = (await one.read()).decode("utf-8", "replace")
        except (discord.HTTPException, *UNREACHABLE):
            notices.append(f"I left out {one.filename}: Discord did not give it to me.")
            continue
        if len(text) > left:
            notices.append(f"I read only the beginning of {one.filename}.")
        parts.append(head + text[:left])
    if len(texts) > FILES:
        notices.append(f"I read only the first {FILES} files.")
    return "".join(parts), tuple(notices)
