"""What the ratings say, and whether they say anything yet. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from data.records import RatingKind, RatingTally
from data.statistics import shares

MINIMUM_VOTES = 10  # below that even a unanimous vote has an interval wider than 0.27


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval of a share, within 0 and 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One variant's ratings: `good_share` is 👍 among 👍 and 👎, None where nobody voted.

    `funny_rate` and `robotic_rate` are ratings per answer, so they can exceed 1 where several
    people rate; None without answers. `askers_good` and `askers_bad` are the part of `good` and
    `bad` that came from those who had asked.
    """

    variant: str
    answers: int
    good: int
    bad: int
    good_share: float | None
    interval: Interval | None
    funny_rate: float | None
    robotic_rate: float | None
    median_total_ms: float | None
    askers_good: int = 0
    askers_bad: int = 0

    @property
    def votes(self) -> int:
        """👍 and 👎 together."""
        return self.good + self.bad


class ShareDifference(StrEnum):
    """What a comparison of two variants' 👍 shares comes to."""

    NOT_ENOUGH = "not enough votes yet"
    NO_DIFFERENCE = "no difference that the votes could show"
    FIRST = "the first is better"
    SECOND = "the second is better"


def wilson(good: int, votes: int) -> Interval | None:
    """Wilson's 95 % interval of good / votes, None without votes."""
    low, high = shares.wilson(good, votes)
    return Interval(low, high) if votes else None


def figures(tally: RatingTally) -> Figures:
    """The figures of one variant's tally."""
    count = {kind: tally.counts.get(kind, 0) for kind in RatingKind}
    good, bad = count[RatingKind.GOOD], count[RatingKind.BAD]
    return Figures(
        variant=tally.variant,
        answers=tally.answers,
        good=good,
        bad=bad,
        good_share=good / (good + bad) if good + bad else None,
        interval=wilson(good, good + bad),
        funny_rate=count[RatingKind.FUNNY] / tally.answers if tally.answers else None,
        robotic_rate=count[RatingKind.ROBOTIC] / tally.answers if tally.answers else None,
        median_total_ms=tally.median_total_ms,
        askers_good=tally.by_askers[RatingKind.GOOD],
        askers_bad=tally.by_askers[RatingKind.BAD],
    )


def compare(first: Figures, second: Figures) -> ShareDifference:
    """Whether one share of 👍 is above the other's, by Newcombe's interval of the difference.

    R. G. Newcombe, Interval estimation for the difference between independent proportions,
    Statistics in Medicine 1998, method 10.
    """
    if min(first.votes, second.votes) < MINIMUM_VOTES:
        return ShareDifference.NOT_ENOUGH
    low, high = difference_interval(first, second)
    if low > 0:
        return ShareDifference.FIRST
    return ShareDifference.SECOND if high < 0 else ShareDifference.NO_DIFFERENCE


def verdict_line(all_figures: Iterable[Figures]) -> str:
    """One line for people: the leading variant, or why there is none."""
    ranked = sorted(all_figures, key=lambda one: (one.good_share or 0.0, one.votes), reverse=True)
    enough = [one for one in ranked if one.votes >= MINIMUM_VOTES]
    if len(enough) < 2:
        return f"Not enough votes yet: two models need {MINIMUM_VOTES} 👍 or 👎 each."
    best, second = enough[0], enough[1]
    if compare(best, second) is ShareDifference.FIRST:
        return f"{best.variant} is liked better than {second.variant}."
    return f"{best.variant} and {second.variant}: no difference that the votes could show."


def difference_interval(first: Figures, second: Figures) -> tuple[float, float]:
    """Newcombe's bounds of first's share minus second's."""
    one, two = wilson(first.good, first.votes), wilson(second.good, second.votes)
    if one is None or two is None or first.good_share is None or second.good_share is None:
        return -1.0, 1.0
    gap = first.good_share - second.good_share
    below = math.hypot(first.good_share - one.low, two.high - second.good_share)
    above = math.hypot(one.high - first.good_share, second.good_share - two.low)
    return gap - below, gap + above
