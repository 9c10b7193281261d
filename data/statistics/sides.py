"""Whether people prefer the answer on the left, or on the right, whoever wrote it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from data.statistics.people import DRAWS, BoundedEstimate, fit_table
from data.statistics.tabulating import tabulate
from data.statistics.votes import Vote, VoteChoice


@dataclass(frozen=True, slots=True)
class SideEffect:
    """How often A, on the left, wins and loses, and what its side is worth.

    `advantage` is in logits, with the contenders' strengths taken into account; `share` is how
    often A would win against an equally good B.
    """

    a_wins: int
    b_wins: int
    advantage: BoundedEstimate

    @property
    def share(self) -> BoundedEstimate:
        """The share of decisive votes for A between equals, from 0 to 1."""
        return self.advantage.as_share

    @property
    def is_seen(self) -> bool:
        """Whether the interval shows that a side is preferred."""
        return self.advantage.excludes_zero


def side_effect(votes: Iterable[Vote], *, draws: int = DRAWS, seed: int = 0) -> SideEffect | None:
    """Return the effect of the side; None without a decisive vote.

    It is a constant that is added to the model's difference (Davidson and Beaver 1977). Where the
    order of A and B is drawn at random it does not favour a contender; it costs votes all the same.
    """
    votes = list(votes)
    a_wins = sum(vote.choice is VoteChoice.A for vote in votes)
    b_wins = sum(vote.choice is VoteChoice.B for vote in votes)
    if not a_wins + b_wins:
        return None
    table = tabulate(votes, np.ones((len(votes), 1)))
    direction = np.zeros(table.design.shape[1])
    direction[-1] = 1.0
    return SideEffect(a_wins, b_wins, fit_table(table, draws, seed).bounded(direction))
