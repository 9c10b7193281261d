"""What a reader gives for each row of a file, and how it reads one cell of a row."""

from collections.abc import Generator
from dataclasses import dataclass

from data.errors import DatasetError
from data.records import Turn
from training.sources.reasons import DropReason

CELL_LIMIT = 1_000_000


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


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """A row that is not used: why, where it stood, and a text of it to show a person."""

    reason: DropReason
    place: str
    text: str


SourceRows = Generator[SourceRow | DroppedRow]


def text_cell(where: str, key: str, value: object) -> str:
    """The value of a cell as a text; the empty text for None.

    `where` and `key` name the cell in the error. Raises DatasetError if the value is no text, has
    more than CELL_LIMIT characters or holds a NUL.
    """
    if value is None:
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
    return value


def int_cell(where: str, key: str, value: object) -> int | None:
    """The value of a cell as a whole number; None for None and for the empty text.

    Raises DatasetError, naming the cell, if the value is anything else.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, (int, str)):
            return int(value)
    except ValueError:
        pass
    raise DatasetError(f"{where}: {key} must be a whole number, not {str(value)[:40]!r}")
