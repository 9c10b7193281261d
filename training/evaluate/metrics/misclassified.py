"""Intervals of shares that a fallible classifier counted. Pure.

What is counted is not what is there: of the answers that have the label the classifier finds only
a part (its sensitivity), and of the others it finds some (one minus its specificity). Both are
known only from as many labelled sentences as there are, so their error belongs into the interval.
That the answers are as hard to judge as those sentences is assumed.
"""

import math
from dataclasses import dataclass

import numpy as np

from data.statistics.shares import Z_95, wilson
from training.evaluate.metrics.intervals import Array


@dataclass(frozen=True, slots=True)
class Reliability:
    """What a classifier did on labelled texts: of `wanted` found `hits`, of `unwanted` left `left`.

    ValueError where a count cannot be, or where it does no better than chance.
    """

    hits: int
    wanted: int
    left: int
    unwanted: int

    def __post_init__(self) -> None:
        if not (0 <= self.hits <= self.wanted and 0 <= self.left <= self.unwanted):
            raise ValueError(f"{self} cannot be")
        if self.hits * self.unwanted + self.left * self.wanted <= self.wanted * self.unwanted:
            raise ValueError("a classifier that is no better than chance says nothing of shares")


def true_share_interval(found: int, total: int, reliability: Reliability) -> tuple[float, float]:
    """The 95 % interval of the share that truly has the label, where `found` of `total` seem to.

    W. J. Rogan, B. Gladen, Estimating prevalence from the results of a screening test, American
    Journal of Epidemiology 1978, with the adjusted counts and the shift of Z. Lang, J. Reiczigel,
    Confidence limits for prevalence of disease adjusted for estimated sensitivity and specificity,
    Preventive Veterinary Medicine 2014. Wilson's interval of the counted share always lies within:
    where the correction leads away from it or beyond 0 or 1, a fallible classifier would seem to
    know more than one that is never wrong. (0, 1) where there is nothing.
    """
    if not 0 <= found <= total:
        raise ValueError(f"{found} of {total} cannot be")
    if total == 0:
        return 0.0, 1.0
    square = Z_95 * Z_95
    seen, seen_variance = _adjusted(found, total, square / 2)
    sensitivity, sensitivity_variance = _adjusted(reliability.hits, reliability.wanted, 1)
    specificity, specificity_variance = _adjusted(reliability.left, reliability.unwanted, 1)
    gain = sensitivity + specificity - 1
    share = (seen + specificity - 1) / gain
    shift = 2 * square * (share * sensitivity_variance - (1 - share) * specificity_variance)
    variance = (
        seen_variance + share**2 * sensitivity_variance + (1 - share) ** 2 * specificity_variance
    )
    half = Z_95 * math.sqrt(variance) / gain
    sure_low, sure_high = wilson(found, total)
    low, high = share + shift - half, share + shift + half
    return max(0.0, min(low, sure_low)), min(1.0, max(high, sure_high))


def true_differences(counted: Array, reliability: Reliability, seed: int) -> Array:
    """Resampled differences of counted shares, as differences of true ones; within -1 and 1.

    Each is divided by sensitivity + specificity - 1, resampled as well: wrong answers of the
    classifier make two variants look more alike than they are (Rogan and Gladen, above).
    """
    rng = np.random.default_rng(seed)
    sensitivity = _resampled(reliability.hits, reliability.wanted, counted.size, rng)
    specificity = _resampled(reliability.left, reliability.unwanted, counted.size, rng)
    gain = np.maximum(sensitivity + specificity - 1, np.finfo(np.float64).tiny)
    return np.clip(counted / gain, -1, 1)


def _adjusted(count: int, total: int, added: float) -> tuple[float, float]:
    """The share after adding so many of each outcome, and its variance."""
    size = total + 2 * added
    share = (count + added) / size
    return share, share * (1 - share) / size


def _resampled(count: int, total: int, draws: int, rng: np.random.Generator) -> Array:
    return rng.binomial(total, count / total, size=draws) / total
