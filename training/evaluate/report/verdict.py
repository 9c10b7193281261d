"""Which differences between variants count: better, worse, or not decided by these rows. Pure.

A page has many measures, and of many measures that do not differ some look as if they did. So the
p-values of all measures and variants of a page are corrected together (Holm), and where variants do
not differ, at most one page in twenty claims anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from training.evaluate.metrics.catalogue import BY_KEY, MEASURES, Better, Measure
from training.evaluate.metrics.significance import holm
from training.evaluate.result import Difference, Estimate, Evaluation

LEVEL = 0.05
# Fewer say little of what other rows would show, whatever the p-values.
FEWEST_ROWS = 20
# The outcome of each measure that is judged, by variant and key of the measure.
Outcomes = Mapping[tuple[str, str], "Outcome"]


class Outcome(StrEnum):
    """How the second variant does on one measure, compared with the first."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "no difference shown"


@dataclass(frozen=True, slots=True)
class MeasureVerdict:
    """One measure of two variants: both values, their difference, and how it is judged."""

    measure: Measure
    first: float
    second: float
    difference: Estimate
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class VariantVerdict:
    """Two variants compared on all tested measures of which one direction is better.

    `rows` is the number of test rows.
    """

    first: str
    second: str
    lines: tuple[MeasureVerdict, ...]
    rows: int

    @property
    def too_few(self) -> bool:
        """Whether there are too few test rows to show anything."""
        return self.rows < FEWEST_ROWS

    def of(self, outcome: Outcome) -> list[MeasureVerdict]:
        """The measures with this outcome."""
        return [line for line in self.lines if line.outcome is outcome]

    @property
    def sentence(self) -> str:
        """The comparison in one sentence, without a full stop."""
        better, worse = self.of(Outcome.BETTER), self.of(Outcome.WORSE)
        if better and worse:
            return f"{self.second} is better than {self.first} at some things, worse at others"
        if better:
            return f"{self.second} is better than {self.first}, and at nothing shown to be worse"
        if worse:
            return f"{self.second} is worse than {self.first}, and at nothing shown to be better"
        if self.too_few:
            return (
                f"{self.rows} test rows cannot show a difference between {self.second} and "
                f"{self.first}: it takes {FEWEST_ROWS} at least"
            )
        return f"These rows show no difference between {self.second} and {self.first}"

    def reasons(self, outcome: Outcome) -> str:
        """The measures with this outcome in words, the empty text if there are none."""
        phrases = (
            line.measure.more if line.difference.value > 0 else line.measure.less
            for line in self.of(outcome)
        )
        return ", ".join(
            dict.fromkeys(phrases)
        )  # each phrase once: the four kinds of ROUGE share theirs

    def text(self) -> list[str]:
        """The sentence and its reasons, as lines for a terminal."""
        parts = {
            "Better": self.reasons(Outcome.BETTER),
            "Worse": self.reasons(Outcome.WORSE),
        }
        given = [f"  {name}: it {reasons}." for name, reasons in parts.items() if reasons]
        return [f"{self.sentence}.", *given]


def verdicts(evaluation: Evaluation) -> list[VariantVerdict]:
    """Every other variant compared with the first one named."""
    first, rows = evaluation.variants[0].name, evaluation.data.rows
    judged = outcomes(evaluation)
    return [
        VariantVerdict(first, found.second, tuple(_lines(evaluation, found, judged)), rows)
        for found in to_first(evaluation)
    ]


def outcomes(evaluation: Evaluation) -> Outcomes:
    """How each measure is judged, of every other variant beside the first one named.

    Only measures of which one direction is better and that were tested are judged.
    """
    found = {
        (each.second, key): (BY_KEY[key], each.values[key], p)
        for each in to_first(evaluation)
        for key, p in each.p_values.items()
        if BY_KEY[key].better is not Better.NEITHER
    }
    corrected = holm({place: p for place, (_, _, p) in found.items()})
    enough = evaluation.data.rows >= FEWEST_ROWS
    return {
        place: outcome(measure, difference, corrected[place] if enough else 1.0)
        for place, (measure, difference, _) in found.items()
    }


def outcome(measure: Measure, difference: Estimate, corrected: float) -> Outcome:
    """How a difference with this corrected p-value is judged.

    It counts if that is at most 5 % and its 95 % interval, if it has one, does not contain 0.
    """
    low, high = difference.low, difference.high
    if measure.better is Better.NEITHER or corrected > LEVEL or not difference.value:
        return Outcome.UNDECIDED
    if low is not None and high is not None and low <= 0 <= high:
        return Outcome.UNDECIDED
    upwards = difference.value > 0
    return Outcome.BETTER if upwards == (measure.better is Better.HIGHER) else Outcome.WORSE


def to_first(evaluation: Evaluation) -> list[Difference]:
    """The differences of all other variants to the first one named: those that are shown."""
    first = evaluation.variants[0].name
    return [found for found in evaluation.differences if found.first == first]


def _lines(
    evaluation: Evaluation, difference: Difference, judged: Outcomes
) -> Iterator[MeasureVerdict]:
    first = evaluation.variant(difference.first).values
    second = evaluation.variant(difference.second).values
    for measure in MEASURES:
        found = judged.get((difference.second, measure.key))
        if found is not None:
            yield MeasureVerdict(
                measure,
                first[measure.key].value,
                second[measure.key].value,
                difference.values[measure.key],
                found,
            )
