"""Intervals by resampling the test rows, the same rows for every adapter.

P. Koehn, Statistical significance tests for machine translation evaluation, EMNLP 2004: draw as
many rows as there are, with replacement, and take the score of each draw. The score of a draw
comes from sums over its rows (for BLEU: n-gram counts and lengths), so no row is scored twice.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# From sums of shape (draws, statistics) to scores of shape (draws,).
Score = Callable[[Array], Array]
_LEVELS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Resampling:
    """How often each row was drawn: shape (draws, rows)."""

    weights: Array

    @classmethod
    def draw(cls, rows: int, draws: int, seed: int) -> "Resampling":
        """Multinomial draws; the same seed gives the same ones, whatever they are used for."""
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(rows, np.full(rows, 1 / rows), size=draws)
        return cls(weights.astype(np.float64))

    def scores(self, statistics: Array, score: Score) -> Array:
        """The score of every draw from the rows' statistics, of shape (rows, statistics)."""
        return score(self.weights @ statistics)


def whole(statistics: Array, score: Score) -> float:
    """The score over all rows."""
    return float(score(statistics.sum(axis=0, keepdims=True))[0])


def interval(scores: Array) -> tuple[float, float]:
    """The middle 95 % of the draws' scores."""
    low, high = np.quantile(scores, _LEVELS)
    return float(low), float(high)


def mean(sums: Array) -> Array:
    """The score whose statistics are (value, 1): their mean."""
    return sums[:, 0] / sums[:, 1]


def with_ones(values: Array) -> Array:
    """Values of shape (rows,) as statistics for `mean`."""
    return np.stack([values, np.ones_like(values)], axis=1)


def exp_mean(sums: Array) -> Array:
    """The score whose statistics are (loss in nats, tokens): perplexity."""
    return np.exp(sums[:, 0] / sums[:, 1])
