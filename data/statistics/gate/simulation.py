"""The gate on a community that is made up, to know how often it errs.

People vote at random times, some far more often than others, and each has a taste of their own. Two
errors are counted: an adapter that people like as much as the other one is promoted, and one that
they like better is not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.statistics.bradley_terry import Array, Flags
from data.statistics.counting import PERSON_CAP
from data.statistics.gate.e_process import Counts, is_reached
from data.statistics.gate.rule import weigh
from data.statistics.shares import Z_95

_NODES = 40


@dataclass(frozen=True, slots=True)
class Community:
    """People who vote, the n-th of them with a chance in proportion to n ** -`inequality`.

    `taste` is the standard deviation of people's own preference, in logits. `votes` is how many
    decisive votes are cast; of one person `person_cap` count.
    """

    people: int = 20
    taste: float = 0.5
    inequality: float = 1.0
    votes: int = 400
    person_cap: int = PERSON_CAP


@dataclass(frozen=True, slots=True)
class SimulatedLooks:
    """How many of the simulated comparisons had led to a promotion at each look.

    `votes` has shape (looks,): how many votes had been cast. The others are shares of the runs, of
    the same shape, for looking each time and promoting at the first yes: of the gate, of the
    e-process alone, and of a plain lower 95 % Wilson bound above one half.
    """

    votes: NDArray[np.int64]
    gate: Array
    e_process: Array
    wilson: Array


def simulate(
    share: float, community: Community, *, runs: int = 2000, every: int = 10, seed: int = 0
) -> SimulatedLooks:
    """Let a community compare an adapter with a baseline many times, looking every few votes.

    `share` is the adapter's true share of decisive votes, the mean over all people there could be;
    each run draws new ones. The same seed gives the same votes.
    """
    wins, losses = _votes(share, community, runs, every, np.random.default_rng(seed))
    won, lost = wins.sum(-1), losses.sum(-1)
    return SimulatedLooks(
        votes=np.arange(every, community.votes + 1, every),
        gate=_by_then(weigh(wins, losses).passed),
        e_process=_by_then(is_reached(won, lost)),
        wilson=_by_then(_wilson_above_half(won, lost)),
    )


def mean_logit(share: float, taste: float) -> float:
    """The preference of the middle person where the mean share over all people is `share`.

    Tastes are normal with the standard deviation `taste`, in logits. By bisection over Gauss and
    Hermite's quadrature. Raises ValueError unless the share lies between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"a true share lies between 0 and 1, not at {share}")
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    low, high = -40.0, 40.0
    while (middle := (low + high) / 2) not in (low, high):
        if float(weights @ _sigmoids(middle + taste * nodes)) < share:
            low = middle
        else:
            high = middle
    return high


def _votes(
    share: float, community: Community, runs: int, every: int, rng: np.random.Generator
) -> tuple[Counts, Counts]:
    """Each person's counted wins and losses at each look, shape (runs, looks, people)."""
    people, votes = community.people, community.votes
    taste = rng.normal(mean_logit(share, community.taste), community.taste, (runs, people))
    activity = np.arange(1, people + 1) ** -community.inequality
    voter = rng.choice(people, size=(runs, votes), p=activity / activity.sum())
    is_win = rng.random((runs, votes)) < np.take_along_axis(_sigmoids(taste), voter, 1)
    is_own = voter[..., None] == np.arange(people)
    cast = is_own.cumsum(1, dtype=np.int16)
    counted_wins = (is_own & is_win[..., None] & (cast <= community.person_cap)).cumsum(
        1, dtype=np.int16
    )
    looks = slice(every - 1, None, every)
    wins = counted_wins[:, looks].astype(np.int64)
    return wins, np.minimum(cast[:, looks], community.person_cap) - wins


def _by_then(passes: Flags) -> Array:
    """The share of runs that passed at this look or one before, from shape (runs, looks)."""
    return np.maximum.accumulate(passes, axis=1).mean(0)


def _wilson_above_half(wins: Counts, losses: Counts) -> Flags:
    """Whether Wilson's lower bound is above one half: (wins - losses)^2 > z^2 votes."""
    lead = wins - losses
    return lead > Z_95 * np.sqrt(wins + losses)


def _sigmoids(logits: Array) -> Array:
    return 0.5 * (1 + np.tanh(logits / 2))
