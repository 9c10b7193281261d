"""The steps that drop rows, in their order."""

from enum import StrEnum


class Step(StrEnum):
    """A reason to drop a row."""

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
        """The step's reason, for the card."""
        return _WHY[self]


_WHY = {
    Step.NO_PARENT: "the comment it replies to is not in the file",
    Step.NOT_RATED: "too few people rated the answer good, or too many bad",
    Step.CUT_OFF: "the answer was stopped before its end",
    Step.SCORE: "the reply's score is below the wanted one",
    Step.DELETED: "a side only says that it was deleted or removed",
    Step.BOT: "a side is a bot's notice, or calls a bot",
    Step.EMPTY: "a side says nothing",
    Step.SHORT: "a side has fewer characters than wanted",
    Step.LONG: "a side has more characters than wanted",
    Step.LANGUAGE: "a side is in another language",
    Step.WORDS: "a side has a word of the list",
    Step.EXACT: "comment and reply stood before, but for case or marks",
    Step.NEAR: "comment and reply are both near an earlier pair's",
    Step.ACROSS: "a text is near one of another thread that is on another side",
}
