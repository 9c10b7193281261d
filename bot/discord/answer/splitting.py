"""Splitting an answer into messages that Discord takes. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.discord.answer.fences import MARK, Fence, open_fence
from bot.discord.answer.graphemes import boundary_before, prefix_within

MESSAGE_UNITS = 2000
_CLOSING = f"\n{MARK}"
# From the best place to cut at to the worst; each needs this share of the message filled.
_PLACES = (
    (re.compile(r"\n[ \t]*\n+"), 0.4),
    (re.compile(r"\n"), 0.4),
    (re.compile(r"[.!?…][\"')\]»”’]*\s+|[。！？]"), 0.4),
    (re.compile(r"\s"), 0.2),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One message's text: `body` is the answer's own, around it a code block's ends."""

    body: str
    prefix: str = ""
    suffix: str = ""

    @property
    def content(self) -> str:
        """What is sent."""
        return self.prefix + self.body + self.suffix


def split(text: str, limit: int = MESSAGE_UNITS) -> list[Piece]:
    """`text` in pieces of at most `limit` UTF-16 units; their bodies joined are the text.

    Cut at a paragraph, line, sentence or word, where one is near the end, and never inside what
    a reader sees as one character, unless that alone exceeds the limit. A code block that is cut
    is closed and opened again with its language. A longer text begins with the same pieces, but
    for the last: so a text can be shown while it grows. `limit` must be 40 or more.
    """
    return list(_pieces(text, limit))


def _pieces(rest: str, limit: int) -> Iterator[Piece]:
    fence: Fence | None = None
    while rest:
        prefix = fence.reopening if fence else ""
        cut = _cut(rest, limit - len(prefix), fence)
        still_open = open_fence(rest, cut, fence)
        suffix = ""
        if still_open:
            suffix = MARK if rest[:cut].endswith("\n") else _CLOSING
        yield Piece(rest[:cut], prefix, suffix)
        rest, fence = rest[cut:], still_open


def _cut(text: str, limit: int, fence: Fence | None) -> int:
    """How much of `text` the next piece takes."""
    fits = prefix_within(text, limit)
    if fence is not None or MARK in text[:fits]:
        fits = prefix_within(text, limit - len(_CLOSING))
    if fits == len(text):
        return fits
    cut = _before_empty_block(text, _place(text, fits), fence)
    return _with_closing(text, cut, fence)


def _place(text: str, fits: int) -> int:
    window = text[:fits]
    for pattern, filled in _PLACES:
        ends = [match.end() for match in pattern.finditer(window)]
        good = [end for end in ends if end >= fits * filled and _is_whole(text, end)]
        if good:
            return good[-1]
    return _outside_mark(text, boundary_before(text, fits))


def _is_whole(text: str, cut: int) -> bool:
    return boundary_before(text, cut) == cut


def _outside_mark(text: str, cut: int) -> int:
    """Not between the three signs that open or close a block."""
    for back in (1, 2):
        if cut > back and text.startswith(MARK, cut - back):
            return cut - back
    return cut


def _before_empty_block(text: str, cut: int, fence: Fence | None) -> int:
    """Rather before a block than right after its opening."""
    opened = open_fence(text, cut, fence)
    if opened is None or opened is fence or not text[: opened.opened_at].strip():
        return cut
    return cut if text[opened.code_at : cut].strip() else opened.opened_at


def _with_closing(text: str, cut: int, fence: Fence | None) -> int:
    """Take a block's closing along: room is kept for it."""
    if open_fence(text, cut, fence) is None:
        return cut
    for closing in (MARK, _CLOSING):
        if text.startswith(closing, cut):
            return cut + len(closing)
    return cut
