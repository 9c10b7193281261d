"""Which differences between variants count: better, worse, or not decided by these rows. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from training.evaluate.metrics.catalogue import MEASURES, Better, Measure
from training.evaluate.result import Difference, Estimate, Evaluation


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
    """Two variants compared on all measures of which one direction is better."""

    first: str
    second: str
    lines: tuple[MeasureVerdict, ...]

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
    first = evaluation.variants[0].name
    return [
        VariantVerdict(first, found.second, tuple(_lines(evaluation, found)))
        for found in evaluation.differences
        if found.first == first
    ]


def outcome(measure: Measure, difference: Estimate) -> Outcome:
    """How a difference is judged: it is decided if its 95 % interval does not contain 0."""
    low, high = difference.low, difference.high
    if low is None or high is None or measure.better is Better.NEITHER or low <= 0 <= high:
        return Outcome.UNDECIDED
    return Outcome.BETTER if (low > 0) == (measure.better is Better.HIGHER) else Outcome.WORSE


def _lines(evaluation: Evaluation, difference: Difference) -> Iterator[MeasureVerdict]:
    first = evaluation.variant(difference.first).values
    second = evaluation.variant(difference.second).values
    for measure in MEASURES:
        found = difference.values.get(measure.key)
        if found is not None and measure.better is not Better.NEITHER:
            yield MeasureVerdict(
                measure,
                first[measure.key].value,
                second[measure.key].value,
                found,
                outcome(measure, found),
            )
