"""Joining items to groups, one link at a time (union-find)."""

from array import array

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


class Unions:
    """Groups of the items 0 to `count - 1`; each item is a group of its own at first.

    Memory: 8 bytes for each item.
    """

    def __init__(self, count: int) -> None:
        self._leader = array("q", range(count))

    def find(self, item: int) -> int:
        """The smallest item in the group of this item."""
        leader = self._leader
        while leader[item] != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Make one group of the groups of two items."""
        first, second = self.find(one), self.find(other)
        self._leader[max(first, second)] = min(first, second)

    def leaders(self) -> Ids:
        """For each item the smallest item in its group."""
        count = len(self._leader)
        return np.fromiter(map(self.find, range(count)), np.int64, count)
