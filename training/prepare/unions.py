"""Items joined to groups, link by link."""

from array import array

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


class Unions:
    """For each of `count` items the smallest one it is joined to, over any number of links.

    Takes 8 bytes an item.
    """

    def __init__(self, count: int) -> None:
        self._leader = array("q", range(count))

    def find(self, item: int) -> int:
        """The smallest item of the item's group."""
        leader = self._leader
        while leader[item] != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Make the groups of two items one."""
        first, second = self.find(one), self.find(other)
        self._leader[max(first, second)] = min(first, second)

    def leaders(self) -> Ids:
        """The smallest item of each item's group, in the items' order."""
        count = len(self._leader)
        return np.fromiter(map(self.find, range(count)), np.int64, count)
