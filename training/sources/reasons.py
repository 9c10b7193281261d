"""Why a row is dropped."""

from enum import StrEnum


class DropReason(StrEnum):
    """Why a row is dropped, in the order in which the reasons are looked for."""

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
    DropReason.NO_PARENT: "the comment it replies to is not in the file",
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
