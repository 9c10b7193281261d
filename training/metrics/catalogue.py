"""Every measure of a report: its name, its unit and which way is better."""

from dataclasses import dataclass
from enum import StrEnum

from training.metrics.overlap import COPIED
from training.metrics.rouge import KINDS, PARTS


class Better(StrEnum):
    """Which way is better, where one is."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Group(StrEnum):
    """What a measure is about, in the words of the report."""

    VOICE = "Voice"
    REPLIES = "Against the test replies"
    VARIETY = "Variety"
    COPYING = "Copying and unwanted words"


class Unit(StrEnum):
    """How a value is shown: a share of answers in percent, or a number with so many decimals."""

    SHARE = "share"
    WHOLE = "whole"
    TWO = "two"
    FOUR = "four"


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table."""

    key: str
    label: str
    group: Group
    better: Better
    unit: Unit
    about: str

    def show(self, value: float) -> str:
        """The value as a person reads it."""
        match self.unit:
            case Unit.SHARE:
                return f"{100 * value:.0f} %"
            case Unit.WHOLE:
                return f"{value:.1f}"
            case Unit.TWO:
                return f"{value:.2f}"
            case Unit.FOUR:
                return f"{value:.4f}"

    def show_difference(self, value: float) -> str:
        """A difference, with its sign."""
        shown = self.show(abs(value)).replace("%", "points")
        return f"{'−' if value < 0 else '+'}{shown}"


def _rouge(kind: str, part: str) -> Measure:
    # Precision alone falls and recall alone rises with length, whatever is said.
    better = Better.HIGHER if part == "f1" else Better.NEITHER
    name = "F1" if part == "f1" else part
    about = f"words shared with the test reply, {name}, mean over rows"
    return Measure(
        f"{kind}_{part}", f"{KINDS[kind]} {name}", Group.REPLIES, better, Unit.FOUR, about
    )


V, R, D, C = Group.VOICE, Group.REPLIES, Group.VARIETY, Group.COPYING
UP, DOWN, NONE = Better.HIGHER, Better.LOWER, Better.NEITHER
MEASURES = (
    Measure("disclaimer", "disclaims or refuses", V, DOWN, Unit.SHARE,
            "answers with a phrase like “as an AI” or a refusal (training/phrases.py)"),
    Measure("position", "takes a position", V, UP, Unit.SHARE,
            "answers that open with a verdict or a choice, without hedge or disclaimer"),
    Measure("words", "words per answer", V, NONE, Unit.WHOLE, "mean length in words"),
    Measure("cut_off", "cut off", V, NONE, Unit.SHARE,
            "answers that reached the limit of tokens before their end"),
    Measure("perplexity", "perplexity on replies", R, DOWN, Unit.TWO,
            "how surprised the model is by the test replies, per token, prompt not counted"),
    Measure("bleu", "BLEU", R, UP, Unit.TWO, "n-grams shared with the test replies, 0 to 100"),
    *(_rouge(kind, part) for kind in KINDS for part in PARTS),
    Measure("distinct_1", "distinct-1", D, UP, Unit.TWO,
            "different words over all words, over equally many words of each adapter"),
    Measure("distinct_2", "distinct-2", D, UP, Unit.TWO, "the same with pairs of words"),
    Measure("repetition", "repeats itself", D, DOWN, Unit.SHARE,
            "4-grams that the same answer had before, mean over answers"),
    Measure("self_bleu", "self-BLEU", D, DOWN, Unit.TWO,
            "each answer's BLEU against the other answers, mean; high means all sound alike"),
    Measure("overlap", "longest overlap", C, NONE, Unit.WHOLE,
            "words in the longest run shared with the training side, mean over answers"),
    Measure("overlap_most", "longest of all", C, NONE, Unit.WHOLE,
            "words in the longest run of any answer"),
    Measure("copied", "copies training text", C, DOWN, Unit.SHARE,
            f"answers that share {COPIED} words or more in a row with the training side"),
    Measure("listed", "words of the list", C, DOWN, Unit.SHARE,
            "answers with a word or phrase of --word-list"),
)  # fmt: skip
BY_KEY = {measure.key: measure for measure in MEASURES}
