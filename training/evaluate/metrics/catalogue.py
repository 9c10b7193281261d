"""Every measure of a report: its name, its unit and which way is better."""

from dataclasses import dataclass
from enum import StrEnum

from training.evaluate.metrics.overlap import COPIED
from training.evaluate.metrics.rouge import KINDS, PARTS


class Better(StrEnum):
    """Whether a higher or a lower value is better, if either is."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Group(StrEnum):
    """The groups of measures, named as in the report."""

    VOICE = "Voice"
    REPLIES = "Against the test replies"
    VARIETY = "Variety"
    COPYING = "Copying and unwanted words"


class Unit(StrEnum):
    """How a value is shown: as a percentage, or with one, two or four decimals."""

    SHARE = "share"
    WHOLE = "whole"
    TWO = "two"
    FOUR = "four"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure, a line of the table.

    `less` and `more` complete a sentence about a variant with a lower or higher value: "it
    disclaims less".
    """

    key: str
    label: str
    group: Group
    better: Better
    unit: Unit
    about: str
    less: str = ""
    more: str = ""

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


_KINDS = {
    "rouge1": "words",
    "rouge2": "pairs of words",
    "rougeL": "words in the same order",
    "rougeLsum": "words in the same order, line by line",
}
_PARTS = {
    "precision": "of what the answer says, the share that the test reply says too:",
    "recall": "of what the test reply says, the share that the answer says too:",
    "f1": "precision and recall in one:",
}


def _rouge(kind: str, part: str) -> Measure:
    # Longer answers have lower precision and higher recall, whatever they say.
    better = Better.HIGHER if part == "f1" else Better.NEITHER
    name = "F1" if part == "f1" else part
    return Measure(
        key=f"{kind}_{part}",
        label=f"{KINDS[kind]} {name}",
        group=Group.REPLIES,
        better=better,
        unit=Unit.FOUR,
        about=f"{_PARTS[part]} {_KINDS[kind]}; mean over rows",
        less="shares fewer words with the test replies",
        more="shares more words with the test replies",
    )


V, R, D, C = Group.VOICE, Group.REPLIES, Group.VARIETY, Group.COPYING
UP, DOWN, NONE = Better.HIGHER, Better.LOWER, Better.NEITHER
MEASURES = (
    Measure("disclaimer", "disclaims or refuses", V, DOWN, Unit.SHARE,
            "answers that hide behind being a machine, refuse or lecture (training/evaluate/voice)",
            "disclaims less", "disclaims more"),
    Measure("position", "takes a position", V, UP, Unit.SHARE,
            "answers that commit themselves to a verdict, a choice or advice",
            "takes a position less often", "takes a position more often"),
    Measure("words", "words per answer", V, NONE, Unit.WHOLE, "mean length in words"),
    Measure("cut_off", "cut off", V, NONE, Unit.SHARE,
            "answers that reached the limit of tokens before their end"),
    Measure("perplexity", "perplexity on replies", R, DOWN, Unit.TWO,
            "how surprised the model is by the test replies, per token, prompt not counted",
            "is less surprised by the test replies", "is more surprised by the test replies"),
    Measure("bleu", "BLEU", R, UP, Unit.TWO,
            "n-grams shared with the test replies, all rows in one, 0 to 100",
            "shares fewer words with the test replies", "shares more words with the test replies"),
    *(_rouge(kind, part) for kind in KINDS for part in PARTS),
    Measure("distinct_1", "distinct-1", D, UP, Unit.TWO,
            "different words over all words, over equally many words of each adapter",
            "uses fewer different words", "uses more different words"),
    Measure("distinct_2", "distinct-2", D, UP, Unit.TWO, "the same with pairs of words",
            "uses fewer different pairs of words", "uses more different pairs of words"),
    Measure("repetition", "repeats itself", D, DOWN, Unit.SHARE,
            "4-grams that the same answer had before, mean over answers",
            "repeats itself less", "repeats itself more"),
    Measure("self_bleu", "self-BLEU", D, DOWN, Unit.TWO,
            "each answer's BLEU against the others, mean; high if all sound alike; not judged",
            "gives answers that sound less alike", "gives answers that sound more alike"),
    Measure("overlap", "longest overlap", C, NONE, Unit.WHOLE,
            "words in the longest run shared with the training side, mean over answers"),
    Measure("overlap_most", "longest of all", C, NONE, Unit.WHOLE,
            "words in the longest run of any answer"),
    Measure("copied", "copies training text", C, DOWN, Unit.SHARE,
            f"answers that share {COPIED} words or more in a row with the training side",
            "copies training text less", "copies training text more"),
    Measure("listed", "words of the list", C, DOWN, Unit.SHARE,
            "answers with a word or phrase of --word-list",
            "uses words of the list less", "uses words of the list more"),
)  # fmt: skip
BY_KEY = {measure.key: measure for measure in MEASURES}
