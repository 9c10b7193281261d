"""Votes as a table of numbers: what was compared, and how often each person chose what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.statistics.bradley_terry import Array
from data.statistics.votes import Contender, Vote, VoteChoice


@dataclass(frozen=True, slots=True)
class VoteTable:
    """Votes, added up where they are about the same.

    `design` has shape (rows, columns): a column for each contender with 1 for the first and -1 for
    the second of the row's two, then the extra columns. `counts` has shape (people, rows, 3): how
    often a person said that the first won, that the second did, and neither. The first of two is
    the one that comes first in `contenders`, whichever side it stood on. `people` are their ids,
    ordered by what they said, so that other ids for the same people change nothing.
    """

    contenders: tuple[Contender, ...]
    people: tuple[str, ...]
    design: Array
    counts: Array


def tabulate(votes: Sequence[Vote], extra: Array | None = None) -> VoteTable:
    """Return the table of some votes, of which there is at least one.

    `extra` has shape (votes, columns): what speaks for A in each vote, such as its greater length;
    its sign is turned where A is not the first. Ties and both bad are the third outcome: neither
    answer was preferred.
    """
    contenders = tuple(sorted({one for v in votes for one in v.contenders}, key=_order))
    column = {contender: number for number, contender in enumerate(contenders)}
    people = {person: n for n, person in enumerate(sorted({v.person_id for v in votes}))}
    lines = np.zeros((len(votes), len(contenders) + (0 if extra is None else extra.shape[1])))
    chosen = np.zeros((len(votes), 2), dtype=np.intp)
    for number, vote in enumerate(votes):
        a, b = (column[one] for one in vote.contenders)
        sign = 1.0 if a < b else -1.0
        lines[number, a], lines[number, b] = sign, -sign
        if extra is not None:
            lines[number, len(contenders) :] = sign * extra[number]
        choice = vote.choice if a < b else vote.choice.mirrored
        chosen[number] = people[vote.person_id], _OUTCOME[choice]
    design, row = np.unique(lines, axis=0, return_inverse=True)
    counts = np.zeros((len(people), len(design), 3))
    np.add.at(counts, (chosen[:, 0], row.reshape(-1), chosen[:, 1]), 1.0)
    order = np.lexsort(counts.reshape(len(people), -1).T[::-1])
    ids = list(people)
    return VoteTable(contenders, tuple(ids[n] for n in order), design, counts[order])


def connected_groups(votes: Sequence[Vote]) -> list[frozenset[Contender]]:
    """The contenders in groups that a chain of comparisons connects, in a fixed order.

    Contenders of different groups are not comparable.
    """
    groups: list[set[Contender]] = []
    for pair in {vote.pair for vote in votes}:
        joined = set(pair).union(*(group for group in groups if group & pair))
        groups = [group for group in groups if not group & pair]
        groups.append(joined)
    return sorted((frozenset(g) for g in groups), key=lambda g: min(map(_order, g)))


def _order(contender: Contender) -> tuple[str, str]:
    return contender.order


_OUTCOME = {VoteChoice.A: 0, VoteChoice.B: 1, VoteChoice.TIE: 2, VoteChoice.BOTH_BAD: 2}
