"""Splitting an answer into messages that Discord takes. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import regex

MESSAGE_UNITS = 2000  # what Discord takes in one message, in UTF-16 code units
MARK = "```"
_CLOSING = f"\n{MARK}"
_OPENING = regex.compile(r"```([\w+#.-]{0,20})\n")
# What a reader sees as one character: an extended grapheme cluster of Unicode's annex 29. Halves
# of a surrogate pair stay together too: to `regex` they are two control characters.
_CLUSTER = regex.compile(r"[\ud800-\udbff][\udc00-\udfff]|\X")
# From the best place to cut at to the worst; each needs this share of the message filled.
_PLACES = (
    (regex.compile(r"\n[ \t]*\n+"), 0.4),
    (regex.compile(r"\n"), 0.4),
    (regex.compile(r"[.!?…][\"')\]»”’]*\s+|[。！？]"), 0.4),
    (regex.compile(r"\s"), 0.2),
)


@dataclass(frozen=True, slots=True)
class MessageChunk:
    """One message's text: `body` is the answer's own, around it stand a code block's ends."""

    body: str
    prefix: str = ""
    suffix: str = ""

    @property
    def content(self) -> str:
        """What is sent."""
        return self.prefix + self.body + self.suffix


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code block: its language, and where in the text it was opened."""

    language: str
    opened_at: int

    @property
    def reopening(self) -> str:
        """What opens the same block again."""
        return f"{MARK}{self.language}\n"

    @property
    def code_at(self) -> int:
        """Where its code begins, in the text that it was opened in."""
        return self.opened_at + len(self.reopening)


def split(text: str, limit: int = MESSAGE_UNITS) -> list[MessageChunk]:
    """`text` in chunks of at most `limit` UTF-16 units; their bodies joined are the text.

    Cut at a paragraph, line, sentence or word, where one is near the end, and never inside what
    a reader sees as one character, unless that alone exceeds the limit. A code block that is cut
    is closed and opened again with its language. A longer text begins with the same chunks, but
    for the last: so a text can be shown while it grows. `limit` must be 40 or more.
    """
    return list(_chunks(text, limit))


def units(text: str) -> int:
    """The length in UTF-16 code units: never less than what Discord counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def boundaries(text: str) -> frozenset[int]:
    """Where `text` can be cut without tearing what a reader sees as one character."""
    return frozenset(cluster.end() for cluster in _CLUSTER.finditer(text))


def open_fence(text: str, end: int, fence: Fence | None) -> Fence | None:
    """The block that is open at `text[end]`, when `fence` is open at the start.

    Text after `end` is read only for the language of a block that was opened before `end`.
    """
    at = text.find(MARK, 0, end)
    while at >= 0:
        if fence is None:
            named = _OPENING.match(text, at)
            fence = Fence(named[1] if named else "", at)
        else:
            fence = None
        at = text.find(MARK, at + len(MARK), end)
    return fence


def _chunks(rest: str, limit: int) -> Iterator[MessageChunk]:
    fence: Fence | None = None
    while rest:
        prefix = fence.reopening if fence else ""
        cut = _cut(rest, limit - len(prefix), fence)
        still_open = open_fence(rest, cut, fence)
        suffix = ""
        if still_open:
            suffix = MARK if rest[:cut].endswith("\n") else _CLOSING
        yield MessageChunk(rest[:cut], prefix, suffix)
        rest, fence = rest[cut:], still_open


def _cut(text: str, limit: int, fence: Fence | None) -> int:
    """How many characters of `text` the next chunk takes."""
    fits = _prefix_within(text, limit)
    if fence is not None or MARK in text[:fits]:
        fits = _prefix_within(text, limit - len(_CLOSING))
    if fits == len(text):
        return fits
    whole = boundaries(text[: fits + len(_CLOSING) + 1])  # one more: it may belong to the last
    cut = _before_empty_block(text, _place(text, fits, whole), fence)
    return _with_closing(text, cut, fence, whole)


def _prefix_within(text: str, limit: int) -> int:
    """How many characters from the start fit into `limit` UTF-16 units."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > limit:
            return index
    return len(text)


def _place(text: str, fits: int, whole: frozenset[int]) -> int:
    """The best place to cut at among the first `fits` characters."""
    window = text[:fits]
    for pattern, filled in _PLACES:
        ends = [match.end() for match in pattern.finditer(window)]
        good = [end for end in ends if end >= fits * filled and end in whole]
        if good:
            return good[-1]
    return _outside_mark(text, max((end for end in whole if end <= fits), default=fits))


def _outside_mark(text: str, cut: int) -> int:
    """`cut`, or the place before it where it would tear the three signs of a block apart."""
    for back in (1, 2):
        if cut > back and text.startswith(MARK, cut - back):
            return cut - back
    return cut


def _before_empty_block(text: str, cut: int, fence: Fence | None) -> int:
    """`cut`, or the place before a block of which nothing but the opening would be taken."""
    opened = open_fence(text, cut, fence)
    if opened is None or opened is fence or not text[: opened.opened_at].strip():
        return cut
    return cut if text[opened.code_at : cut].strip() else opened.opened_at


def _with_closing(text: str, cut: int, fence: Fence | None, whole: frozenset[int]) -> int:
    """`cut`, or the place after a block's closing that follows it: room is kept for that."""
    if open_fence(text, cut, fence) is None:
        return cut
    for closing in (MARK, _CLOSING):
        if text.startswith(closing, cut) and cut + len(closing) in whole:
            return cut + len(closing)
    return cut
