"""Splitting an answer into messages that Discord takes. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import regex

from bot.discord.answer.markup import (
    MARK,
    MOST_INLINE,
    Fence,
    OpenMarkup,
    atoms,
    open_fence,
    open_markup,
)

MESSAGE_UNITS = 2000  # what Discord takes in one message, in UTF-16 code units
_CLOSING = f"\n{MARK}"
# What a reader sees as one character: an extended grapheme cluster of Unicode's annex 29. Halves
# of a surrogate pair stay together too: to `regex` they are two control characters.
_ATOM_UNITS = 1000  # how far behind the cut the end of a link is looked for
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
    """One message's text: `body` is the answer's own, around it stands what it was cut out of.

    Signs stand beside the words: there Discord knows them.
    """

    body: str
    prefix: str = ""
    suffix: str = ""

    @property
    def content(self) -> str:
        """What is sent."""
        if MARK in self.prefix or MARK in self.suffix:
            return self.prefix + self.body + self.suffix
        body = self.body.lstrip() if self.prefix else self.body
        return self.prefix + (body.rstrip() if self.suffix else body) + self.suffix


def split(text: str, limit: int = MESSAGE_UNITS, before: str = "") -> list[MessageChunk]:
    """`text` in chunks of at most `limit` UTF-16 units; their bodies joined are the text.

    Cut at a paragraph, line, sentence or word, where one is near the end, and never inside what
    a reader sees as one character, unless that alone exceeds the limit. A code block that is cut
    is closed and opened again with its language, and so are spoilers, quotes and emphasis; links,
    mentions and the like stay whole where they fit. A longer text begins with the same chunks, but
    for the last two: so a text can be shown while it grows. `limit` must be 40 or more; `before`
    is a text that this one goes on with.
    """
    return list(_chunks(text, limit, open_markup(before, len(before))))


def units(text: str) -> int:
    """The length in UTF-16 code units: never less than what Discord counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def boundaries(text: str) -> frozenset[int]:
    """Where `text` can be cut without tearing what a reader sees as one character."""
    return frozenset(cluster.end() for cluster in _CLUSTER.finditer(text))


def _chunks(rest: str, limit: int, state: OpenMarkup) -> Iterator[MessageChunk]:
    while rest:
        prefix = state.reopening
        cut = _cut(rest, limit - units(prefix), state)
        state = open_markup(rest, cut, state)
        is_last = cut == len(rest)
        suffix = state.closing(at_the_end=is_last)
        if state.fence:
            suffix = MARK if rest[:cut].endswith("\n") else _CLOSING
        yield MessageChunk(rest[:cut], prefix, suffix)
        rest = rest[cut:]


def _cut(text: str, limit: int, state: OpenMarkup) -> int:
    """How many characters of `text` the next chunk takes."""
    fits = _prefix_within(text, limit)
    if fits == len(text) and units(text) + _room_at_the_end(text, state) <= limit:
        return fits
    fence = state.fence
    reserved = len(_CLOSING) if fence is not None or MARK in text[:fits] else 0
    cut = _good_cut(text, _prefix_within(text, limit - reserved), fence)
    closing = open_markup(text, cut, state).closing(at_the_end=False)
    if units(text[:cut]) + len(closing) > limit:
        cut = _good_cut(text, _prefix_within(text, limit - MOST_INLINE), fence)
    return cut


def _good_cut(text: str, fits: int, fence: Fence | None) -> int:
    """The best place to cut at, when `fits` characters can be taken."""
    # One more than could be taken: it may belong to the last.
    whole = boundaries(text[: fits + len(_CLOSING) + 1])
    free = whole if fence else whole - _inside_atoms(text[: fits + _ATOM_UNITS])
    cut = _before_empty_block(text, _place(text, fits, whole, free), fence)
    return _with_closing(text, cut, fence, whole)


def _room_at_the_end(text: str, state: OpenMarkup) -> int:
    at_end = open_markup(text, len(text), state)
    return len(_CLOSING) if at_end.fence else len(at_end.closing(at_the_end=True))


def _inside_atoms(text: str) -> frozenset[int]:
    return frozenset(place for start, end in atoms(text) for place in range(start + 1, end))


def _prefix_within(text: str, limit: int) -> int:
    """How many characters from the start fit into `limit` UTF-16 units."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > limit:
            return index
    return len(text)


def _place(text: str, fits: int, whole: frozenset[int], free: frozenset[int]) -> int:
    """The best place to cut at among the first `fits` characters.

    `whole` are the places between characters, `free` those that tear no link or sign either.
    """
    window = text[:fits]
    for allowed in (free, whole):
        for pattern, filled in _PLACES:
            ends = [match.end() for match in pattern.finditer(window)]
            good = [end for end in ends if end >= fits * filled and end in allowed]
            if good:
                return good[-1]
        least = fits * _PLACES[-1][1]
        if good := [end for end in allowed if least <= end <= fits]:
            return _outside_mark(text, max(good))
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
