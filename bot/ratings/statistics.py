"""The figures of people's ratings by variant, and how two variants' shares of 👍 differ. Pure."""

import math
from dataclasses import dataclass
from enum import StrEnum

from data.records import RatingKind, RatingTally
from data.statistics import shares

MINIMUM_VOTES = 10  # below that even a unanimous vote has an interval wider than 0.27


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval of a share: 0 <= low <= high <= 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One variant's ratings: `good_share` is 👍 among 👍 and 👎, None where nobody voted.

    `funny_rate` and `robotic_rate` are ratings per answer, so they can exceed 1 where several
    people rate; None without answers. `askers_good` and `askers_bad` are the part of `good` and
    `bad` that came from the people who had asked.
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
    """What `compare` finds out about two variants' shares of 👍."""

    NOT_ENOUGH = "not enough votes yet"
    NO_DIFFERENCE = "no difference that the votes could show"
    FIRST = "the first is better"
    SECOND = "the second is better"


def wilson(good: int, votes: int) -> Interval | None:
    """Wilson's 95 % interval of the share good / votes; None without votes.

    Raises ValueError when `good` is not between 0 and `votes`.
    """
    low, high = shares.wilson(good, votes)
    return Interval(low, high) if votes else None


def figures(tally: RatingTally) -> Figures:
    """The figures of one variant, from how often it was rated as what."""
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
    """Which of two shares of 👍 is higher: only if the interval of their difference leaves out 0.

    Below MINIMUM_VOTES for one of the two the result is NOT_ENOUGH.
    """
    if min(first.votes, second.votes) < MINIMUM_VOTES:
        return ShareDifference.NOT_ENOUGH
    low, high = difference_interval(first, second)
    if low > 0:
        return ShareDifference.FIRST
    return ShareDifference.SECOND if high < 0 else ShareDifference.NO_DIFFERENCE


def difference_interval(first: Figures, second: Figures) -> tuple[float, float]:
    """Bounds of the 95 % interval of first's share minus second's; -1 and 1 without votes.

    R. G. Newcombe, Interval estimation for the difference between independent proportions,
    Statistics in Medicine 1998, method 10.
    """
    one, two = wilson(first.good, first.votes), wilson(second.good, second.votes)
    if one is None or two is None or first.good_share is None or second.good_share is None:
        return -1.0, 1.0
    gap = first.good_share - second.good_share
    below = math.hypot(first.good_share - one.low, two.high - second.good_share)
    above = math.hypot(one.high - first.good_share, second.good_share - two.low)
    return gap - below, gap + above
