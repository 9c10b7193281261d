"""What a reader gives for each row of a file, and how it reads one cell of a row."""

import math
import re
from collections.abc import Generator
from dataclasses import dataclass

from data.errors import DatasetError
from data.records import Turn
from training.sources.reasons import DroppedRow

CELL_LIMIT = 1_000_000
# How spreadsheets and pandas write that a cell holds nothing.
_NOTHING = frozenset({"", "nan", "<na>", "#n/a"})
_HALF = re.compile("[\ud800-\udfff]")
_WHOLE = re.compile(r"\s*([+-]?\d{1,18})(?:\.0*)?\s*")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A comment and its reply as they stand in a file.

    `place` tells a person where: "row 17" or "line 3". Rows of one `thread` belong to one
    discussion. `author` wrote the reply. `before` holds the turns before the comment.
    """

    place: str
    comment: str
    reply: str
    topic: str | None = None
    thread: str | None = None
    author: str | None = None
    score: int | None = None
    before: tuple[Turn, ...] = ()


SourceRows = Generator[SourceRow | DroppedRow]


def text_cell(where: str, key: str, value: object) -> str:
    """The value of a cell as a text; the empty text for None and for NaN, also as a word.

    Half a character becomes a space. `where` and `key` name the cell in the error. Raises
    DatasetError if the value is no text, has more than CELL_LIMIT characters or holds a NUL.
    """
    if value is None or is_nothing(value):
        return ""
    if not isinstance(value, str):
        raise DatasetError(f"{where}: {key} must be a text, not {type(value).__name__}")
    if len(value) > CELL_LIMIT:
        raise DatasetError(
            f"{where}: {key} has {len(value):,} characters, at most {CELL_LIMIT:,} are allowed: "
            "cut it or remove the row"
        )
    if "\0" in value:
        raise DatasetError(
            f"{where}: {key} holds a NUL (character {value.index(chr(0)) + 1}): remove it, "
            "or save the file as UTF-8 if it is UTF-16"
        )
    return whole_characters(value)


def int_cell(where: str, key: str, value: object) -> int | None:
    """The value of a cell as a whole number, which may be written 5.0; None if it holds nothing.

    Raises DatasetError, naming the cell, if the value is anything else.
    """
    if value is None or is_nothing(value):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value % 1 == 0:
        return int(value)
    if isinstance(value, str) and (found := _WHOLE.fullmatch(value)):
        return int(found[1])
    raise DatasetError(f"{where}: {key} must be a whole number, not {str(value)[:40]!r}")


def name_cell(value: object) -> str | None:
    """The value of a cell as a name, such as an author's; None if it holds nothing.

    A whole number has one name, whether it is written 5 or 5.0 in a JSON file.
    """
    if value is None or is_nothing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return whole_characters(str(value).replace("\0", " "))


def is_nothing(value: object) -> bool:
    """Whether a cell's value only says that the cell is empty: blank, NaN or its word."""
    if isinstance(value, float):
        return math.isnan(value)
    return isinstance(value, str) and len(value) < 8 and value.strip().casefold() in _NOTHING


def whole_characters(text: str) -> str:
    """The text with a space for each half of a character (a lone surrogate).

    No file can hold those.
    """
    return text if text.isascii() else _HALF.sub(" ", text)
