"""Cleaning one text as it comes out of a web page or a dump."""

import html
import re
import unicodedata

# What sites put in the place of a text that is gone.
_GONE = frozenset({"[deleted]", "[removed]", "[deleted by user]", "deleted", "removed"})
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")
# Format characters that show nothing and only break words; the joiners in emoji are others.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))


def clean(text: str) -> str:
    """The text with entities and literal escapes resolved, control characters gone, spaces single.

    Cleaning a cleaned text changes nothing. A text that only says it was deleted becomes empty.
    """
    before = None
    while text != before:
        before, text = text, _once(text)
    return "" if text.casefold() in _GONE else text


def _once(text: str) -> str:
    text = html.unescape(text)
    text = text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\t", " ")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    text = unicodedata.normalize("NFC", text).translate(_INVISIBLE)
    text = "".join(" " if _is_control(character) else character for character in text)
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _is_control(character: str) -> bool:
    return character != "\n" and unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
