"""Why a row is dropped, and what a reader found wrong in a source and went on from."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import repeat
from typing import TypeVar

from data.errors import DatasetError

_EXAMPLES = 3
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class DropReason(StrEnum):
    """Why a row is dropped, in the order in which the reasons are looked for."""

    BROKEN = "broken"
    UNLEARNED = "weight 0"
    UNASKED = "not asked"
    NO_PARENT = "no parent"
    NOT_RATED = "not rated good"
    CUT_OFF = "cut off"
    SCORE = "low score"
    DELETED = "deleted"
    BOT = "bot notice"
    EMPTY = "empty"
    SHORT = "too short"
    LONG = "too long"
    LANGUAGE = "other language"
    WORDS = "word list"
    EXACT = "exact duplicates"
    NEAR = "near duplicates"
    ACROSS = "near another side"

    @property
    def why(self) -> str:
        """The reason as a sentence for the card."""
        return _WHY[self]


_WHY = {
    DropReason.BROKEN: "a line or row that cannot be read as what the others are",
    DropReason.UNLEARNED: "the file says that this answer is not to be learned",
    DropReason.UNASKED: "no user's turn comes before the answer",
    DropReason.NO_PARENT: "what it replies to is in none of the files",
    DropReason.NOT_RATED: "too few people rated the answer good, or too many bad",
    DropReason.CUT_OFF: "the answer was stopped before its end",
    DropReason.SCORE: "the reply's score is below the wanted one",
    DropReason.DELETED: "a side only says that it was deleted or removed",
    DropReason.BOT: "a side is a bot's notice, or calls a bot",
    DropReason.EMPTY: "a side says nothing",
    DropReason.SHORT: "a side has fewer characters than wanted",
    DropReason.LONG: "a side has more characters than wanted",
    DropReason.LANGUAGE: "a side is in another language",
    DropReason.WORDS: "a side has a word of the list",
    DropReason.EXACT: "comment and reply stood before, but for case or marks",
    DropReason.NEAR: "comment and reply are both near an earlier pair's",
    DropReason.ACROSS: "a text is near one of another thread that is on another side",
}


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """A row that is not used: why, where it stood, and a text of it to show a person."""

    reason: DropReason
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Tolerated:
    """What was mended or passed over in a source, how often, and the first places."""

    what: str
    count: int
    examples: tuple[str, ...]


class Faults:
    """What is wrong in one source, which `where` names in errors.

    With `strict` True everything is refused, with False everything that leaves the rest readable
    is tolerated. None refuses what costs a row and tolerates what costs a character. Memory holds
    counts and the first three examples.
    """

    def __init__(self, where: str, *, strict: bool | None = None) -> None:
        self.where, self.strict = where, strict
        self._broken: list[DroppedRow] = []
        self._more_broken = 0
        self._notes: dict[str, tuple[int, list[str]]] = {}

    @property
    def drops(self) -> bool:
        """Whether a row that cannot be read is dropped and counted, not refused."""
        return self.strict is False

    def each(
        self,
        items: Iterable[tuple[str, _Item]],
        convert: Callable[[str, str, _Item], Iterable[_Made]],
    ) -> Generator[_Made]:
        """All that `convert` makes of each item, given source and place, the place, and the item.

        An item of which it raises DatasetError gives nothing and is counted as broken. Raises the
        error if that is refused.
        """
        for place, item in items:
            try:
                made = list(convert(f"{self.where}, {place}", place, item))
            except DatasetError as error:
                self.broken(place, error)
            else:
                yield from made

    def broken(self, place: str, error: DatasetError) -> None:
        """Count a row that cannot be read. Raises the error if that is refused."""
        if not self.drops:
            raise error
        if len(self._broken) < _EXAMPLES:
            text = str(error).removeprefix(f"{self.where}, {place}").removeprefix(":").strip()
            self._broken.append(DroppedRow(DropReason.BROKEN, place, text))
        else:
            self._more_broken += 1

    def mended(self, what: str, place: str) -> None:
        """Count a place where something was mended. Raises DatasetError if that is refused."""
        if self.strict:
            raise DatasetError(f"{self.where}, {place} holds {what}: mend or remove it")
        self.note(what, place)

    def note(self, what: str, place: str) -> None:
        """Count a place where something was passed over that is no fault."""
        count, examples = self._notes.get(what, (0, []))
        self._notes[what] = (
            count + 1,
            examples if len(examples) >= _EXAMPLES else [*examples, place],
        )

    def dropped(self) -> Iterator[DroppedRow]:
        """A row for each broken one that was counted since the last call."""
        shown, more = self._broken, self._more_broken
        self._broken, self._more_broken = [], 0
        yield from shown
        yield from repeat(DroppedRow(DropReason.BROKEN, "and so on", ""), more)

    @property
    def tolerated(self) -> tuple[Tolerated, ...]:
        """What was mended or passed over so far, in the order in which it was met first."""
        return tuple(Tolerated(what, n, tuple(at)) for what, (n, at) in self._notes.items())
