"""What the differences come to: better, worse, or nothing that these rows could show. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from training.evaluate.metrics.catalogue import MEASURES, Better, Measure
from training.evaluate.result import Difference, Estimate, Evaluation


class Outcome(StrEnum):
    """Of one measure, for the second variant beside the first."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "no difference shown"


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of a comparison."""

    measure: Measure
    first: float
    second: float
    difference: Estimate
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """A comparison of two variants over all measures that have a better way."""

    first: str
    second: str
    lines: tuple[Line, ...]

    def of(self, outcome: Outcome) -> list[Line]:
        """The lines with this outcome."""
        return [line for line in self.lines if line.outcome is outcome]

    @property
    def sentence(self) -> str:
        """One sentence for a person."""
        better, worse = self.of(Outcome.BETTER), self.of(Outcome.WORSE)
        if better and worse:
            return f"{self.second} is better than {self.first} at some things, worse at others"
        if better:
            return f"{self.second} is better than {self.first}, and at nothing shown to be worse"
        if worse:
            return f"{self.second} is worse than {self.first}, and at nothing shown to be better"
        return f"These rows show no difference between {self.second} and {self.first}"

    def reasons(self, outcome: Outcome) -> str:
        """What is better or worse, in words; "" where nothing is."""
        phrases = (
            line.measure.more if line.difference.value > 0 else line.measure.less
            for line in self.of(outcome)
        )
        return ", ".join(dict.fromkeys(phrases))  # each once: ROUGE has four lines

    def text(self) -> list[str]:
        """Sentence and reasons as lines."""
        parts = {
            "Better": self.reasons(Outcome.BETTER),
            "Worse": self.reasons(Outcome.WORSE),
        }
        given = [f"  {name}: it {reasons}." for name, reasons in parts.items() if reasons]
        return [f"{self.sentence}.", *given]


def verdicts(evaluation: Evaluation) -> list[Verdict]:
    """Every variant beside the first one named."""
    first = evaluation.variants[0].name
    return [
        Verdict(first, found.second, tuple(_lines(evaluation, found)))
        for found in evaluation.differences
        if found.first == first
    ]


def outcome(measure: Measure, difference: Estimate) -> Outcome:
    """Decided when the 95 % interval of the difference leaves 0 out."""
    low, high = difference.low, difference.high
    if low is None or high is None or measure.better is Better.NEITHER or low <= 0 <= high:
        return Outcome.UNDECIDED
    return Outcome.BETTER if (low > 0) == (measure.better is Better.HIGHER) else Outcome.WORSE


def _lines(evaluation: Evaluation, difference: Difference) -> Iterator[Line]:
    first = evaluation.variant(difference.first).values
    second = evaluation.variant(difference.second).values
    for measure in MEASURES:
        found = difference.values.get(measure.key)
        if found is not None and measure.better is not Better.NEITHER:
            yield Line(
                measure,
                first[measure.key].value,
                second[measure.key].value,
                found,
                outcome(measure, found),
            )
