"""The second gate: a candidate that wins must also be good enough, and not disclaim more.

Winning says nothing about how good the answers are: two bad ones have a winner as well. And people
may like an adapter that says "as an AI I have no opinions" a little nicer.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from data.statistics.distributions import student_quantile
from data.statistics.votes import Contender, Vote, VoteChoice

BOTH_BAD = "both bad"
DISCLAIMERS = "disclaimers"
CHANCE = 0.95
_NORMAL = 1.6448536269514722  # its 95 % point


@dataclass(frozen=True, slots=True)
class Guard:
    """One figure that must lie below a limit, shown with a chance of 95 %.

    `name` says what it is about. `value` is what was found, None where nothing was; `upper` is its
    one-sided bound, 1 where anything may be. `number` is how many people or comparisons it rests
    on. `refusal` says in one line why it is not below the limit; None where it is.
    """

    name: str
    value: float | None
    upper: float
    limit: float
    number: int
    refusal: str | None


def both_bad_guard(votes: Sequence[Vote], limit: float) -> Guard:
    """Whether few enough votes call both answers bad: the mean over people of their own share.

    The bound is that of Student's t over people.
    """
    asked = Counter(vote.person_id for vote in votes)
    bad = Counter(v.person_id for v in votes if v.choice is VoteChoice.BOTH_BAD)
    shares = [bad[person] / number for person, number in asked.items()]
    people = len(shares)
    if people < 2:
        refusal = "one person cannot show how often both answers are bad"
        return Guard(BOTH_BAD, shares[0] if shares else None, 1.0, limit, people, refusal)
    mean = math.fsum(shares) / people
    variance = math.fsum((share - mean) ** 2 for share in shares) / (people - 1)
    upper = mean + student_quantile(CHANCE, people - 1) * math.sqrt(variance / people)
    refusal = (
        f"both answers are called bad in {mean:.0%} of the votes of {people} people: that may "
        f"be {upper:.0%}, and less than {limit:.0%} is allowed"
    )
    return Guard(BOTH_BAD, mean, upper, limit, people, refusal if upper >= limit else None)


def disclaimer_guard(
    votes: Sequence[Vote], candidate: Contender, baseline: Contender, margin: float
) -> Guard:
    """Whether the candidate disclaims more often than the baseline by less than a margin.

    Each comparison counts once; the bound of the paired difference is that of D. G. Bonett and R.
    M. Price, Journal of Educational and Behavioral Statistics 2012.
    """
    found = {
        vote.comparison_id: {answer.contender: answer.disclaims for answer in (vote.a, vote.b)}
        for vote in votes
    }
    told = [(each[candidate], each[baseline]) for each in found.values()]
    pairs = len(told)
    if missing := sum(None in pair for pair in told):
        refusal = f"nobody has judged the answers of {missing} comparisons for disclaimers"
        return Guard(DISCLAIMERS, None, 1.0, margin, pairs - missing, refusal)
    more = sum(bool(one) and not other for one, other in told)
    less = sum(bool(other) and not one for one, other in told)
    value, upper = (more - less) / max(pairs, 1), _upper_difference(more, less, pairs)
    refusal = None if upper < margin else _disclaimer_refusal(more, less, pairs, upper, margin)
    return Guard(DISCLAIMERS, value if pairs else None, upper, margin, pairs, refusal)


def _upper_difference(more: int, less: int, pairs: int) -> float:
    """The bound on how much more often the first of a pair has what the second has not."""
    worse, better = (more + 1) / (pairs + 2), (less + 1) / (pairs + 2)
    spread = math.sqrt((worse + better - (worse - better) ** 2) / (pairs + 2))
    return min(1.0, worse - better + _NORMAL * spread)


def _disclaimer_refusal(more: int, less: int, pairs: int, upper: float, margin: float) -> str:
    if not more:
        enough = next(n for n in count(pairs + 1) if _upper_difference(0, 0, n) < margin)
        return (
            f"{pairs} comparisons are too few to know that the candidate does not disclaim more "
            f"often: {enough} would do"
        )
    return (
        f"in {pairs} comparisons the candidate alone disclaims {more} times, the baseline alone "
        f"{less} times: that may be {upper:.0%} of its answers more, and less than {margin:.0%} "
        "is allowed"
    )
