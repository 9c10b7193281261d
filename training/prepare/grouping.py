"""Which rows must share a side, and which rows must go to keep the sides apart."""

import numpy as np

from training.prepare.sides import Side
from training.prepare.spill import Spill
from training.prepare.unions import Ids, Unions


def row_groups(spill: Spill, cluster: Ids, kept: Ids) -> Ids:
    """The group of each kept row; rows of one group must share a side.

    `cluster` gives each text its cluster of near texts, `kept` the numbers of the rows. A group is
    named by the place of its first row in `kept`. A row with a known thread or author is in the
    group of that. Other rows are in one group if they share a cluster, also over other rows.
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
    """The kept rows that have a text near a text of an earlier side.

    Training comes first, then validation, then test, so rows are lost from the sides that only
    measure. Only rows with a known thread or author can cross.
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
