"""What a reader gives: a row, or why it gives none."""

from collections.abc import Generator
from dataclasses import dataclass

from data.records import Turn
from training.sources.reasons import Step


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A comment and its reply as they stand in a file.

    `place` is where, for a person: "row 17" or "line 3". Rows of one `thread` belong to one
    discussion; `author` wrote the reply; `before` are the turns before the comment.
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
class Refused:
    """A row that goes no further: by which step, where it stood, and what it said."""

    step: Step
    place: str
    text: str


Found = Generator[SourceRow | Refused]
