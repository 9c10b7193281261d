"""How much a figure would change with other people: bootstrap over people, not over votes.

One person's votes are alike, so drawing single votes would make intervals too narrow. A draw takes
as many people as there are, with replacement, each with all their votes (A. C. Davison and D. V.
Hinkley, Bootstrap methods and their application, 1997, section 3.8).
"""

import math
from dataclasses import dataclass

import numpy as np

from data.statistics.bradley_terry import RIDGE, Array, Flags, fit_davidson
from data.statistics.distributions import student_quantile
from data.statistics.tabulating import VoteTable

FEWEST_PEOPLE = 6  # below that no interval is worth its name
DRAWS = 2000
_MOST_LOOSE = 0.025
_CELLS = 150_000  # of one block of draws, so that it stays in the cache


@dataclass(frozen=True, slots=True)
class BoundedEstimate:
    """A figure with its 95 % interval, which has no end where the people are too few for one."""

    value: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def is_bounded(self) -> bool:
        """Whether there were people enough for an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return not self.low <= 0 <= self.high

    @property
    def as_share(self) -> "BoundedEstimate":
        """The estimate of logits as shares; without bounds they are 0 and 1."""
        return BoundedEstimate(sigmoid(self.value), sigmoid(self.low), sigmoid(self.high))

    @property
    def turned(self) -> "BoundedEstimate":
        """The same seen from the other side: the negative."""
        return BoundedEstimate(-self.value, -self.high, -self.low)


@dataclass(frozen=True, slots=True)
class TableFit:
    """The model's coefficients for a table of votes.

    `whole` of shape (columns,) is that of all people, `draws` of shape (draws, columns) those of
    the bootstrap. Draws in which the votes no longer connect all contenders are left out; `loose`
    is their share. `ridged` says whether `whole` needed the ridge.
    """

    whole: Array
    draws: Array
    log_tie: float
    ridged: bool
    people: int
    loose: float

    def bounded(self, direction: Array) -> BoundedEstimate:
        """The estimate of `direction` @ coefficients; `direction` has shape (columns,)."""
        value = float(self.whole @ direction)
        if self.people < FEWEST_PEOPLE or self.loose > _MOST_LOOSE:
            return BoundedEstimate(value)
        low, high = np.quantile(self.draws @ direction, _levels(self.people))
        return BoundedEstimate(value, float(low), float(high))


def fit_table(table: VoteTable, draws: int = DRAWS, seed: int = 0) -> TableFit:
    """Fit the model to a table and to its bootstrap draws; the same seed gives the same draws."""
    whole = fit_davidson(table.design, table.counts.sum(0, keepdims=True))
    rng = np.random.default_rng(seed)
    people = len(table.people)
    weights = rng.multinomial(people, np.full(people, 1 / people), size=draws).astype(np.float64)
    flat = table.counts.reshape(people, -1)
    found: list[Array] = []
    block = max(1, _CELLS // max(flat.shape[1], 1))
    for first in range(0, draws if people >= FEWEST_PEOPLE else 0, block):
        outcomes = (weights[first : first + block] @ flat).reshape(-1, *table.counts.shape[1:])
        outcomes = outcomes[_are_connected(table, outcomes)]
        found.append(fit_davidson(table.design, outcomes, RIDGE).coefficients)
    kept = np.concatenate(found) if found else np.empty((0, table.design.shape[1]))
    return TableFit(
        whole=whole.coefficients[0],
        draws=kept,
        log_tie=float(whole.log_tie[0]),
        ridged=bool(whole.ridged[0]),
        people=people,
        loose=1 - len(kept) / draws,
    )


def sigmoid(logit: float) -> float:
    """The share that belongs to some logits."""
    if logit < 0:
        return math.exp(logit) / (1 + math.exp(logit))
    return 1 / (1 + math.exp(-logit))


def _levels(people: int) -> tuple[float, float]:
    """The draws' quantiles to take for 95 %, wider than 2.5 and 97.5 % where people are few.

    The expanded percentile interval of T. C. Hesterberg, What teachers should know about the
    bootstrap, The American Statistician 2015: a draw's spread is too small by (n - 1) / n, and
    Student's t stands for the normal.
    """
    reach = math.sqrt(people / (people - 1)) * student_quantile(0.975, people - 1)
    tail = math.erfc(reach / math.sqrt(2)) / 2
    return tail, 1 - tail


def _are_connected(table: VoteTable, outcomes: Array) -> Flags:
    """Whether the votes of each draw connect all contenders that the whole table connects."""
    number = len(table.contenders)
    compared = table.design[:, :number]
    seen = (outcomes.sum(-1) > 0).astype(np.float64)
    links = np.abs(compared[:, :, None] * compared[:, None, :]).reshape(len(compared), -1)
    reach = (seen @ links).reshape(-1, number, number) > 0
    all_links = (links.sum(0).reshape(number, number) > 0)[None]
    return (_closure(reach) == _closure(all_links)).all((1, 2))


def _closure(links: Flags) -> Flags:
    """Who is connected with whom by any chain of links, shape (draws, contenders, contenders)."""
    steps = links.astype(np.float64) + np.eye(links.shape[1])
    for _ in range(max(1, links.shape[1].bit_length())):
        steps = ((steps @ steps) > 0).astype(np.float64)
    return steps > 0
