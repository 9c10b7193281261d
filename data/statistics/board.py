"""The standing of all contenders by people's votes."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from data.statistics.bradley_terry import Array
from data.statistics.people import DRAWS, BoundedEstimate, TableFit, fit_table
from data.statistics.tabulating import connected_groups, tabulate
from data.statistics.votes import Contender, Vote, VoteChoice


@dataclass(frozen=True, slots=True)
class DirectCount:
    """How often the first of two won against the second, lost, and neither; by votes."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    both_bad: int = 0

    @property
    def votes(self) -> int:
        """All of them together."""
        return self.wins + self.losses + self.ties + self.both_bad


@dataclass(frozen=True, slots=True)
class Duel:
    """How two contenders of one group compare.

    `difference` is the first's strength less the second's, in logits, also from votes about others
    that connect them. `direct` counts the votes about these two alone.
    """

    first: Contender
    second: Contender
    difference: BoundedEstimate
    direct: DirectCount

    @property
    def share(self) -> BoundedEstimate:
        """The share of decisive votes that the first gets against the second, from 0 to 1."""
        return self.difference.as_share


@dataclass(frozen=True, slots=True)
class Standing:
    """A contender's place.

    `group` numbers the groups that votes connect, from 0; strengths and ranks of different groups
    are not comparable. `strength` is in logits, 0 being the mean of the group. `rank` is 1 plus how
    many of the group are better with an interval that shows it, so several can share a rank; None
    where the people are too few for intervals. `ridged` says that some contender of the group
    never lost or never won, so that only a prior keeps the strengths finite.
    """

    contender: Contender
    group: int
    rank: int | None
    strength: BoundedEstimate
    ridged: bool
    counts: DirectCount


@dataclass(frozen=True, slots=True)
class Board:
    """All contenders, the best of each group first, and each two that can be compared."""

    standings: tuple[Standing, ...]
    duels: tuple[Duel, ...]
    people: int
    votes: int

    def duel(self, first: Contender, second: Contender) -> Duel | None:
        """How the first compares with the second; None if nothing connects them."""
        for duel in self.duels:
            if (duel.first, duel.second) == (first, second):
                return duel
            if (duel.first, duel.second) == (second, first):
                return _turned(duel)
        return None


def make_board(
    votes: Iterable[Vote],
    *,
    retired: Collection[Contender] = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> Board:
    """Rank the contenders by votes that count (`counting.count_votes`).

    `retired` contenders are not shown; their votes still tell how the others compare. Intervals
    come from a bootstrap over people, and the same seed gives the same ones.
    """
    votes = list(votes)
    standings: list[Standing] = []
    duels: list[Duel] = []
    for number, group in enumerate(connected_groups(votes)):
        inside = [vote for vote in votes if vote.pair <= group]
        table = tabulate(inside)
        fit = fit_table(table, draws, seed)
        own = compare(table.contenders, fit, inside)
        duels += own
        standings += _standings(table.contenders, fit, own, number)
    return Board(
        standings=tuple(one for one in standings if one.contender not in retired),
        duels=tuple(d for d in duels if d.first not in retired and d.second not in retired),
        people=len({vote.person_id for vote in votes}),
        votes=len(votes),
    )


def compare(contenders: Sequence[Contender], fit: TableFit, votes: Sequence[Vote]) -> list[Duel]:
    """Return the duels of each two contenders, whose columns come first in the fit."""
    direct: Counter[tuple[Contender, Contender, VoteChoice]] = Counter()
    for vote in votes:
        direct[vote.a.contender, vote.b.contender, vote.choice] += 1
        direct[vote.b.contender, vote.a.contender, vote.choice.mirrored] += 1
    columns = {contender: number for number, contender in enumerate(contenders)}
    return [
        Duel(
            first,
            second,
            fit.bounded(_direction(fit, {columns[first]: 1.0, columns[second]: -1.0})),
            DirectCount(*(direct[first, second, choice] for choice in VoteChoice)),
        )
        for first, second in combinations(contenders, 2)
    ]


def _standings(
    contenders: Sequence[Contender], fit: TableFit, duels: Sequence[Duel], group: int
) -> list[Standing]:
    every = [*duels, *map(_turned, duels)]
    found: list[Standing] = []
    for number, contender in enumerate(contenders):
        others = [duel for duel in every if duel.first == contender]
        above = sum(1 for d in others if d.difference.excludes_zero and d.difference.value < 0)
        bounded = all(duel.difference.is_bounded for duel in others)
        found.append(
            Standing(
                contender=contender,
                group=group,
                rank=1 + above if bounded else None,
                strength=fit.bounded(_direction(fit, {number: 1.0})),
                ridged=fit.ridged,
                counts=_sum(duel.direct for duel in others),
            )
        )
    return sorted(found, key=lambda s: (s.rank or 0, -s.strength.value, s.contender.order))


def _direction(fit: TableFit, weights: dict[int, float]) -> Array:
    direction = np.zeros(len(fit.whole))
    for column, weight in weights.items():
        direction[column] = weight
    return direction


def _turned(duel: Duel) -> Duel:
    direct = duel.direct
    return Duel(
        duel.second,
        duel.first,
        duel.difference.turned,
        DirectCount(direct.losses, direct.wins, direct.ties, direct.both_bad),
    )


def _sum(counts: Iterable[DirectCount]) -> DirectCount:
    every = list(counts)
    return DirectCount(
        *(sum(getattr(one, name) for one in every) for name in DirectCount.__slots__)
    )
