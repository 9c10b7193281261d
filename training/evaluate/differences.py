"""The differences of two variants on the same test rows: values, intervals and p-values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from training.evaluate.metrics.bleu import bleu_gap_interval
from training.evaluate.metrics.columns import Column
from training.evaluate.metrics.diversity import distinct
from training.evaluate.metrics.intervals import (
    Array,
    interval,
    jackknife_interval,
    left_out,
    whole,
)
from training.evaluate.metrics.misclassified import true_differences
from training.evaluate.metrics.significance import Exchanges
from training.evaluate.result import Estimate

_DISTINCT = {"distinct_1": 1, "distinct_2": 2}


@dataclass(frozen=True, slots=True)
class Varied:
    """distinct-n of all answers, and without each group of them.

    The bootstrap does not fit here: if a row is drawn twice, its words are no longer different.
    """

    value: float
    without: Array

    def estimate(self) -> Estimate:
        """The value with its interval."""
        return bounded(self.value, jackknife_interval(self.value, self.without))

    def minus(self, other: "Varied") -> Estimate:
        """The difference with its interval, over the same groups of rows."""
        value = self.value - other.value
        return bounded(value, jackknife_interval(value, self.without - other.without))


@dataclass(frozen=True, slots=True)
class Measured:
    """One variant's answers with everything that was measured on them, by key of the measure.

    `scores` are those of the bootstrap draws.
    """

    texts: Sequence[str]
    columns: Mapping[str, Column]
    scores: Mapping[str, Array]
    varied: Mapping[str, Varied]
    self_bleu: Estimate


def gaps(first: Measured, second: Measured, seed: int) -> dict[str, Estimate]:
    """The figures of the second variant minus those of the first, by key.

    The interval of what a classifier counted has the classifier's errors, and is nowhere narrower
    than if it made none; `seed` is that of the errors' draws. Self-BLEU's has no interval, as its
    value has none.
    """
    return {
        **{key: _gap(key, first, second, seed) for key in first.columns},
        **{key: second.varied[key].minus(one) for key, one in first.varied.items()},
        "self_bleu": Estimate(value=second.self_bleu.value - first.self_bleu.value),
    }


def p_values(first: Measured, second: Measured, exchanges: Exchanges) -> dict[str, float]:
    """The p-value of each difference, by key; self-BLEU is not tested."""
    found = {
        key: exchanges.p_of_score(one.statistics, second.columns[key].statistics, one.score)
        for key, one in first.columns.items()
    }
    for key, n in _DISTINCT.items():
        found[key] = exchanges.p_of_distinct(first.texts, second.texts, n)
    return found


def varied(texts: Sequence[str], budget: int) -> dict[str, Varied]:
    """distinct-1 and distinct-2 of the first `budget` words, by key."""
    return {
        key: Varied(
            distinct(texts, n, budget), left_out(texts, partial(distinct, n=n, budget=budget))
        )
        for key, n in _DISTINCT.items()
    }


def bounded(value: float, bounds: tuple[float, float] | None) -> Estimate:
    """A value with its interval, if there is one."""
    if bounds is None:
        return Estimate(value=value)
    return Estimate(value=value, low=bounds[0], high=bounds[1])


def _gap(key: str, first: Measured, second: Measured, seed: int) -> Estimate:
    one, other = first.columns[key], second.columns[key]
    value = whole(other.statistics, other.score) - whole(one.statistics, one.score)
    if one.is_bleu:
        return bounded(value, bleu_gap_interval(one.statistics, other.statistics))
    drawn = second.scores[key] - first.scores[key]
    if one.reliability is None:
        return bounded(value, interval(drawn))
    sure_low, sure_high = interval(drawn)
    low, high = interval(true_differences(drawn, one.reliability, seed))
    return bounded(value, (min(low, sure_low), max(high, sure_high)))
