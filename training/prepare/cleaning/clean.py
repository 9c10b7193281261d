"""Cleaning one text as it comes out of a web page or a dump."""

import html
import re
import unicodedata
from collections.abc import Callable

from training.prepare.cleaning.markup import (
    cut_edits,
    cut_quotes,
    reduce_links,
    replace_links,
    replace_names,
)

# What sites show in place of a deleted text.
_GONE = frozenset(
    {
        "[deleted]", "[removed]", "[deleted by user]", "deleted", "removed", "[unavailable]",
        "[removed by reddit]", "[ removed by reddit ]", "[removed by moderator]",
    }
)  # fmt: skip
_SPACES = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_EDGES = re.compile(r" ?\n ?")
_BLANK_LINES = re.compile(r"\n{3,}")
# Control characters (Cc) except the line end, lone surrogates (Cs) and U+2029.
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2029\ud800-\udfff]")
# Format characters that show nothing and only split words. The joiners of emoji stay.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")


def clean(text: str) -> str:
    """The text without what only a web page needs.

    HTML entities and escapes written out (a backslash and an n) become the characters they stand
    for. Quoted lines, edit notes and control characters go. Links and user names become
    placeholders, several spaces become one. Cleaning a cleaned text changes nothing.
    """
    # One change may show another its work: an entity within an entity, a name behind a quote.
    before = None
    while text != before:
        before = text
        for step in _STEPS:
            text = step(text)
    return text


def is_gone(text: str) -> bool:
    """Whether a text, cleaned or not, only says that it was deleted or removed."""
    return text.strip().casefold() in _GONE


def _unescape(text: str) -> str:
    if "&" in text:
        text = html.unescape(text)
    if "\\" in text:
        text = text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\t", " ")
    return text


def _plain_characters(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.replace("\u2028", "\n"))
        text = _INVISIBLE.sub("", text)
    return _CONTROLS.sub(" ", text)


def _single_spaces(text: str) -> str:
    text = _EDGES.sub("\n", _SPACES.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", text).strip()


_STEPS: tuple[Callable[[str], str], ...] = (
    _unescape,
    _plain_characters,
    _single_spaces,
    cut_quotes,
    cut_edits,
    reduce_links,
    replace_links,
    replace_names,
)
