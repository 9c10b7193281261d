"""A t test over people: each counts once, with the share of their decisive votes that were won.

The e-process takes votes as independent. One person's are not, so few people with one taste could
carry it; here they are few.
"""

import math
from dataclasses import dataclass

import numpy as np

from data.statistics.bradley_terry import Array, Flags
from data.statistics.distributions import student_quantile, student_tail
from data.statistics.gate.e_process import Counts

LEVEL = 0.025
HALF = 0.5


@dataclass(frozen=True, slots=True)
class PersonTest:
    """The t test of people's mean share against one half.

    `low` and `high` are the 95 % interval of the mean, `p` the one-sided p-value. With fewer than
    two people anything may be: 0, 1 and 1. `mean` is None with nobody.
    """

    people: int
    mean: float | None
    low: float = 0.0
    high: float = 1.0
    p: float = 1.0


def person_shares(wins: Counts, losses: Counts) -> Array:
    """Each person's share of decisive votes won; not a number for who has none."""
    votes = wins + losses
    return np.where(votes > 0, wins / np.maximum(votes, 1), np.nan)


def mean_test(shares: Array, against: float = HALF) -> PersonTest:
    """Return the test of shares of shape (people,), of whom none is not a number."""
    people = len(shares)
    if people < 2:
        return PersonTest(people, float(shares[0]) if people else None)
    mean, error = float(shares.mean()), float(shares.std(ddof=1)) / people**0.5
    half = student_quantile(0.975, people - 1) * error
    t = _ratio(mean - against, error)
    return PersonTest(people, mean, mean - half, mean + half, student_tail(t, people - 1))


def is_above_half(number: Counts, total: Array, squares: Array, level: float = LEVEL) -> Flags:
    """Whether the one-sided t test says that a mean is above one half, for arrays of one shape.

    `number` is how many people there are, `total` the sum of their shares and `squares` that of
    their shares' squares. With fewer than two people the answer is no.
    """
    people = np.maximum(number, 2)
    mean = total / people
    variance = (squares - people * mean * mean) / (people - 1)
    # Below that is what rounding leaves of people who all say the same.
    variance = np.where(variance < 1e-12, 0.0, variance)
    kinds, place = np.unique(people, return_inverse=True)
    quantiles = np.array([student_quantile(1 - level, int(n) - 1) for n in kinds])
    reach = quantiles[place].reshape(people.shape) * np.sqrt(variance / people)
    return (number >= 2) & (mean - HALF > reach)


def _ratio(lead: float, error: float) -> float:
    """The t statistic; infinite where all say the same."""
    if lead == 0:
        return 0.0
    return lead / error if error else math.copysign(math.inf, lead)
