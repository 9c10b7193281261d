"""Which rows must stay on one side, and which cannot stay at all."""

import numpy as np

from training.prepare.sides import Side
from training.prepare.spill import Spill
from training.prepare.unions import Ids, Unions


def row_groups(spill: Spill, cluster: Ids, kept: Ids) -> Ids:
    """For each kept row its group, named by the group's first row in `kept`.

    A row of a known thread or author belongs to that; the others to their near texts, over any
    number of rows.
    """
    comments, replies, known = spill.columns()
    texts = len(cluster)
    unions = Unions(texts + spill.groups)
    node = np.where(known < 0, cluster[comments], texts + known)
    for row in kept[known[kept] < 0].tolist():
        unions.join(int(cluster[comments[row]]), int(cluster[replies[row]]))
    rows, earlier = spill.earlier()
    is_kept = np.zeros(spill.rows, bool)
    is_kept[kept] = True
    for row, text in zip(rows.tolist(), earlier.tolist(), strict=True):
        if is_kept[row] and known[row] < 0:
            unions.join(int(cluster[comments[row]]), int(cluster[text]))
    leaders = np.frombuffer(unions.leaders(), np.int64)[node[kept]]
    _, first, inverse = np.unique(leaders, return_index=True, return_inverse=True)
    return first[inverse]


def crossing(spill: Spill, cluster: Ids, kept: Ids, sides: list[Side]) -> Ids:
    """The kept rows with a text near one of a side that comes before theirs.

    Training comes before validation, and that before test: a crossing row is taken from what is
    only measured on. Rows without a known group never cross.
    """
    comments, replies, _ = spill.columns()
    rows, earlier = spill.earlier()
    taken = np.zeros(len(cluster), bool)
    side_of = np.full(spill.rows, -1)
    side_of[kept] = [list(Side).index(side) for side in sides]
    crossed = np.zeros(spill.rows, bool)
    for place in range(len(Side)):
        here = side_of == place
        crossed |= here & (taken[cluster[comments]] | taken[cluster[replies]])
        crossed[rows[taken[cluster[earlier]] & here[rows]]] = True
        stays = here & ~crossed
        taken[cluster[comments[stays]]] = True
        taken[cluster[replies[stays]]] = True
        taken[cluster[earlier[stays[rows]]]] = True
    return np.flatnonzero(crossed)
