"""Characters that show nothing, accents, and space, each only where a language does not need it."""

import os
import re
import unicodedata
from collections.abc import Iterator

_LINE_ENDS = re.compile("\r\n?")
# Control characters (Cc), but for the line end and the tab.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Unicode's own line and paragraph separators.
_SEPARATORS = re.compile("[\u2028\u2029]")
# Of the format characters these only split words. The joiners U+200C and U+200D stay: Persian,
# the scripts of India and emoji are written with them.
_INVISIBLE = re.compile("[\u00ad\u2060\ufeff]")
# A zero-width space is the border between words in scripts that write no space.
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"
_ZERO_WIDTH = re.compile(f"\u200b(?:(?<![{_SPACELESS}]\u200b)|(?![{_SPACELESS}]))")
# Marks of direction do nothing in a text that is written from left to right alone.
_DIRECTION = re.compile("[\u200e\u200f]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]")

# No-break and thin spaces, where no typographer sets them: French sets one before high marks and
# within « », others within numbers and before a unit.
_PLAIN = re.compile(
    "(?<![\\d«‹—–])[\u00a0\u2007\u2009\u202f](?![:;!?»›%‰€$£°—–])"
    "|(?<=\\d)[\u00a0\u2007\u2009\u202f](?![\\w:;!?»›%‰€$£°Ωµ—–])"
)
_INNER = re.compile(r"(?<=[^\s])(?:[^\S\n]{2,}|[\t\x0b\x0c])(?=\S)")
_EDGES = re.compile(r"(?<!\s)[^\S\n]+(?=\n|$)|(?<![^\n])(?:[^\S\n]+(?=\n|$)| (?=\S))")
_INDENTATION = re.compile(r"(?<![^\n])[^\S\n]*(?=[^\s\ud800-\udbff])")
_BLANK_LINES = re.compile(r"\n{3,}")
_COLUMN = re.compile(r"\S(?: {3,}|\t+)\S|\|")


def simple_line_ends(text: str) -> str:
    r"""The text with `\n` for every `\r\n` and `\r`."""
    return _LINE_ENDS.sub("\n", text) if "\r" in text else text


def without_controls(text: str) -> str:
    """The text without control characters, and without invisible ones that it does not need."""
    if text.isprintable():
        return text
    text = _CONTROLS.sub(" ", text)
    if text.isascii():
        return text
    text = _ZERO_WIDTH.sub("", _INVISIBLE.sub("", _SEPARATORS.sub("\n", text)))
    return text if _RIGHT_TO_LEFT.search(text) else _DIRECTION.sub("", text)


def composed(text: str) -> str:
    """The text in Unicode's normal form C: the same letters, each written in the same way."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def single_spaces(text: str) -> str:
    """The text with one space where there were several, and one blank line.

    Indentation of two and more stays, but for what all lines share. So does the space within
    tables: two or more neighbouring lines with bars, or with columns three spaces or a tab apart.
    """
    if not text.isascii():
        text = _PLAIN.sub(" ", text)
    if ("  " in text or not text.isprintable()) and _INNER.search(text):
        text = "\n".join(_narrowed(text.split("\n"))) if "\n" in text else _INNER.sub(" ", text)
    if "\n" in text or text != text.strip():
        text = _BLANK_LINES.sub("\n\n", _EDGES.sub("", text)).strip("\n")
    return _dedented(text) if text[:1].isspace() else text


def _dedented(text: str) -> str:
    """The text without the indentation that all its lines share; hidden blocks do not count."""
    # Of characters, not of the parts of a path.
    shared = os.path.commonprefix(_INDENTATION.findall(text))  # noqa: RUF071
    return re.sub(rf"(?<![^\n]){re.escape(shared)}", "", text) if shared else text


def _narrowed(lines: list[str]) -> Iterator[str]:
    columns = [False, *(_COLUMN.search(line) is not None for line in lines), False]
    for place, line in enumerate(lines, start=1):
        in_table = columns[place] and (columns[place - 1] or columns[place + 1])
        yield line if in_table else _INNER.sub(" ", line)
