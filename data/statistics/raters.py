"""People whose votes look like no judgement of these answers. They are flagged, never removed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from data.statistics.bradley_terry import Array, fit_davidson
from data.statistics.tabulating import tabulate
from data.statistics.votes import Contender, Vote

LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class RaterCheck:
    """How one person's decisive votes compare with what the others' votes predict.

    `with_others` counts those for the answer that the others prefer. `log_evidence` is the greatest
    that the log of the product of 1 / 2p was, p being the chance that the others' votes gave to
    each choice. It grows with votes at random and with votes against everybody. `is_outlier` says
    that it passed the bound; among people who vote as the others do, at most 5 % of all boards
    have one.
    """

    person_id: str
    decisive: int
    with_others: int
    log_evidence: float
    is_outlier: bool


def check_raters(votes: Iterable[Vote]) -> list[RaterCheck]:
    """Check each person who has decisive votes against all others, the oddest first.

    The product of 1 / 2p compares tossing a coin with voting as the others do. For who votes as
    they do its mean is 1 at every moment, so it passes 1 / level with a chance of at most the
    level (J. Ville 1939); the level of 5 % is divided by the number of people.
    """
    votes = [vote for vote in votes if vote.choice.is_decisive]
    if not votes:
        return []
    table = tabulate(votes)
    fit = fit_davidson(table.design, table.counts.sum(0) - table.counts)
    column = {contender: number for number, contender in enumerate(table.contenders)}
    bound = math.log(len(table.people) / LEVEL)
    found = [
        _check(person, strengths, column, [v for v in votes if v.person_id == person], bound)
        for person, strengths in zip(table.people, fit.coefficients, strict=True)
    ]
    return sorted(found, key=lambda check: (-check.log_evidence, check.person_id))


def _check(
    person: str,
    strengths: Array,
    column: dict[Contender, int],
    votes: Sequence[Vote],
    bound: float,
) -> RaterCheck:
    log_product = highest = 0.0
    with_others = 0
    for vote in sorted(votes, key=lambda each: (each.at, each.comparison_id)):
        difference = strengths[column[vote.a.contender]] - strengths[column[vote.b.contender]]
        lead = float(difference) if vote.winner == vote.a.contender else -float(difference)
        with_others += lead > 0
        log_product += float(np.logaddexp(0.0, -lead)) - math.log(2)
        highest = max(highest, log_product)
    return RaterCheck(person, len(votes), with_others, highest, highest >= bound)
