"""Intervals by leaving rows out, for measures that a row drawn twice would change by itself."""

from collections.abc import Callable, Sequence

import numpy as np

from data.statistics.shares import Z_95
from training.evaluate.metrics.bootstrap import Array

_GROUPS = 50


def left_out(texts: Sequence[str], measure: Callable[[Sequence[str]], float]) -> Array:
    """The measure without each group of rows in turn, shape (groups,): at most 50 groups.

    Row n is in group n modulo their number, so the groups of two variants are the same rows.
    """
    groups = min(len(texts), _GROUPS)
    return np.array(
        [
            measure([text for row, text in enumerate(texts) if row % groups != group])
            for group in range(groups)
        ]
    )


def jackknife_interval(value: float, without: Array) -> tuple[float, float]:
    """95 % around `value`, by the delete-a-group jackknife; from nothing to nothing of one group.

    P. S. Kott, The delete-a-group jackknife, Journal of Official Statistics 2001.
    """
    groups = len(without)
    variance = (groups - 1) / groups * float(((without - without.mean()) ** 2).sum())
    half = Z_95 * float(np.sqrt(variance))
    return value - half, value + half
