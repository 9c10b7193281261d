"""A test of decisive votes that stays valid however often one looks: an e-process.

The null is that the candidate wins each decisive vote with a chance of at most one half. The
e-value after some votes is how much likelier they are where the candidate's share is unknown,
Beta(10, 10) above one half, than where it is one half. Under the null it is a supermartingale that
begins at 1, so the chance that it ever reaches 1 / level is at most the level (J. Ville 1939).

H. Robbins, Statistical methods related to the law of the iterated logarithm, 1970; A. Ramdas, P.
Grünwald, V. Vovk and G. Shafer, Game-theoretic statistics and safe anytime-valid inference, 2023.
"""

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data.statistics.bradley_terry import Array, Flags

PRIOR = 10
LEVEL = 0.025

Counts = NDArray[np.int64]


def log_e(wins: int, losses: int) -> float:
    """Return the log of the e-value after so many decisive votes for and against the candidate.

    Raises ValueError for a negative number.
    """
    if min(wins, losses) < 0:
        raise ValueError(f"{wins} wins and {losses} losses cannot be")
    return float(_log_e_row(wins + losses)[wins])


def log_e_path(is_win: Iterable[bool]) -> list[float]:
    """The log of the e-value after each decisive vote, in time: True is one for the candidate."""
    path: list[float] = []
    wins = losses = 0
    for won in is_win:
        wins, losses = wins + won, losses + (not won)
        path.append(log_e(wins, losses))
    return path


@lru_cache(maxsize=20_000)
def wins_needed(votes: int, level: float = LEVEL) -> int:
    """The fewest wins of so many decisive votes with an e-value of 1 / level or more.

    It is votes + 1 where even winning all of them is not enough.
    """
    return int(np.searchsorted(_log_e_row(votes), -math.log(level)))


def is_reached(wins: Counts, losses: Counts, level: float = LEVEL) -> Flags:
    """Whether the e-value is 1 / level or more, for arrays of one shape."""
    number, place = np.unique(wins + losses, return_inverse=True)
    needed = np.array([wins_needed(int(n), level) for n in number])
    return wins >= needed[place].reshape(wins.shape)


@lru_cache(maxsize=4)
def _log_factorials(up_to: int) -> Array:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, up_to + 1)))])


@lru_cache(maxsize=256)
def _log_e_row(votes: int) -> Array:
    """The log of the e-value after 0, 1, ... `votes` wins of so many votes; it never falls.

    E = 2 B(10 + w, 10 + l) / B(10, 10) 2^n P(share > 1/2), where the share is Beta(10 + w, 10 + l):
    the chance that a fair coin falls heads at most 9 + w times of 19 + n.
    """
    tosses = votes + 2 * PRIOR - 1
    factorials = _log_factorials(1 << tosses.bit_length())
    heads = np.arange(tosses + 1)
    log_chance = factorials[tosses] - factorials[heads] - factorials[tosses - heads]
    log_chance -= tosses * math.log(2)
    at_most = np.logaddexp.accumulate(log_chance)
    wins = np.arange(votes + 1)
    log_beta = factorials[PRIOR - 1 + wins] + factorials[PRIOR - 1 + votes - wins]
    log_beta -= factorials[tosses]
    log_prior = 2 * factorials[PRIOR - 1] - factorials[2 * PRIOR - 1]
    return log_beta - log_prior + (votes + 1) * math.log(2) + at_most[PRIOR - 1 + wins]
