"""The rule of the gate: the test on votes, the test on people, and both without any one person.

    1. The e-value of the decisive votes is at least 1 / 0.025.
    2. At least 6 people have decisive votes, and the t test over their shares has p < 0.025.
    3. Without any one of them the rest still says so: e-value at least 1 / 0.1 and p < 0.05. The
       levels are weaker since evidence was taken away, often a tenth of it; at the full levels
       every promotion would need half as many votes again.

Works on arrays, so that what decides and what is simulated are the same lines.
"""

from dataclasses import dataclass

import numpy as np

from data.statistics.bradley_terry import Flags
from data.statistics.gate import e_process, person_means
from data.statistics.gate.e_process import Counts, is_reached
from data.statistics.gate.person_means import is_above_half, person_shares

FEWEST_PEOPLE = 6
LEVEL_WITHOUT_ONE_VOTES = 0.1
LEVEL_WITHOUT_ONE_PEOPLE = 0.05


@dataclass(frozen=True, slots=True)
class RuleParts:
    """What each part of the rule says. `stands_without` has a last axis of people."""

    votes: Flags
    people: Flags
    enough_people: Flags
    stands_without: Flags

    @property
    def passed(self) -> Flags:
        """Whether all parts say yes."""
        return self.votes & self.people & self.enough_people & self.stands_without.all(-1)


def weigh(wins: Counts, losses: Counts) -> RuleParts:
    """Apply the rule to each person's decisive votes won and lost, shape (..., people).

    People without a decisive vote do not matter. The parts have shape (...).
    """
    shares = np.nan_to_num(person_shares(wins, losses))
    has = (wins + losses) > 0
    number, total, squares = has.sum(-1), shares.sum(-1), (shares * shares).sum(-1)
    won, lost = wins.sum(-1), losses.sum(-1)
    rest_by_votes = is_reached(
        won[..., None] - wins, lost[..., None] - losses, LEVEL_WITHOUT_ONE_VOTES
    )
    rest_by_people = is_above_half(
        number[..., None] - has,
        total[..., None] - shares,
        squares[..., None] - shares * shares,
        LEVEL_WITHOUT_ONE_PEOPLE,
    )
    return RuleParts(
        votes=is_reached(won, lost, e_process.LEVEL),
        people=is_above_half(number, total, squares, person_means.LEVEL),
        enough_people=number >= FEWEST_PEOPLE,
        stands_without=(rest_by_votes & rest_by_people) | ~has,
    )
