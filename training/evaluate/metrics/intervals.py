"""95 % intervals of a measure over the test rows, the same rows for every adapter.

Bootstrap (P. Koehn, Statistical significance tests for machine translation evaluation, EMNLP
2004): draw as many rows as there are, with replacement, many times, and take the middle 95 % of the
draws' scores. The score of a draw is computed from sums over its rows (for BLEU: n-gram counts and
lengths), so no text is scored twice.

Jackknife (B. Efron, The jackknife, the bootstrap and other resampling plans, 1982): compute the
measure without each row in turn. Corpus BLEU's intervals come from it, see `bleu`.

Delete-a-group jackknife (P. S. Kott, Journal of Official Statistics 2001): compute the measure
without each group of rows in turn. It is for measures that would change if a row were drawn twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.statistics.shares import Z_95

Array = NDArray[np.float64]
# Takes sums of shape (draws, statistics), gives scores of shape (draws,).
Score = Callable[[Array], Array]
_LEVELS = (0.025, 0.975)
_GROUPS = 50


@dataclass(frozen=True, slots=True)
class Resampling:
    """Bootstrap draws: `weights[d, r]` is how often draw d took row r; shape (draws, rows)."""

    weights: Array

    @classmethod
    def draw(cls, rows: int, draws: int, seed: int) -> "Resampling":
        """Draw `rows` rows with replacement, `draws` times; the same seed gives the same draws."""
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(rows, np.full(rows, 1 / rows), size=draws)
        return cls(weights.astype(np.float64))

    def scores(self, statistics: Array, score: Score) -> Array:
        """The score of every draw, shape (draws,), from statistics of shape (rows, statistics)."""
        return score(self.weights @ statistics)


def whole(statistics: Array, score: Score) -> float:
    """The score of all rows, from statistics of shape (rows, statistics)."""
    return float(score(statistics.sum(axis=0, keepdims=True))[0])


def interval(scores: Array) -> tuple[float, float]:
    """The lower and upper end of the middle 95 % of the draws' scores."""
    low, high = np.quantile(scores, _LEVELS)
    return float(low), float(high)


def mean(sums: Array) -> Array:
    """A score: the mean of values whose statistics are (value, 1), as `with_ones` makes them."""
    return sums[:, 0] / sums[:, 1]


def with_ones(values: Array) -> Array:
    """Values of shape (rows,) as statistics for `mean`, shape (rows, 2)."""
    return np.stack([values, np.ones_like(values)], axis=1)


def exp_mean(sums: Array) -> Array:
    """A score: perplexity, from statistics (loss in nats, tokens)."""
    return np.exp(sums[:, 0] / sums[:, 1])


def left_out(texts: Sequence[str], measure: Callable[[Sequence[str]], float]) -> Array:
    """The measure without each group of rows in turn, shape (groups,).

    There are as many groups as rows, but at most 50. Row n is in group n modulo their number, so
    the groups of two variants hold the same rows.
    """
    groups = min(len(texts), _GROUPS)
    return np.array(
        [
            measure([text for row, text in enumerate(texts) if row % groups != group])
            for group in range(groups)
        ]
    )


def without_each(statistics: Array, score: Score) -> Array:
    """The score without each row in turn, shape (rows,), from statistics (rows, statistics)."""
    return score(statistics.sum(axis=0, keepdims=True) - statistics)


def jackknife_error(without: Array) -> float:
    """The standard error of a measure, from its values without each row or group."""
    groups = len(without)
    return float(np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum()))


def student_95(degrees: int) -> float:
    """The 97.5 % point of Student's t, right to 1 % from 4 degrees of freedom on.

    Abramowitz and Stegun, Handbook of mathematical functions, 26.7.5.
    """
    z = Z_95
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + (z**3 + z) / (4 * degrees) + second / degrees**2


def jackknife_interval(value: float, without: Array) -> tuple[float, float]:
    """The 95 % interval around `value`, from the values of `left_out`.

    With one group both ends are `value`.
    """
    half = Z_95 * jackknife_error(without)
    return value - half, value + half
