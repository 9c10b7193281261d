"""Dividing rows into training, validation and test sides, whole groups at a time. Pure."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Side(StrEnum):
    """What a row is used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of validation and test in all rows, 0 to 1; the rest is for training."""

    validation: float = 0.08
    test: float = 0.05


def split(groups: Sequence[int], shares: Shares, rng: Random) -> list[Side]:
    """The side of each row, given the group of each row. Rows of one group share a side.

    Validation and test get their shares, or a little less, since only whole groups are moved: a
    group that is larger than the space left on both goes to training. Each of the two wants at
    least one row, but test wants none if its share is 0.
    """
    sizes = Counter(groups)
    order = array("q", sorted(sizes))
    rng.shuffle(order)
    wanted = {
        Side.VALIDATION: max(1, round(shares.validation * len(groups))),
        Side.TEST: max(1, round(shares.test * len(groups))) if shares.test else 0,
    }
    side: dict[int, Side] = {}
    for group in order:
        chosen = next((s for s, room in wanted.items() if sizes[group] <= room), Side.TRAIN)
        if chosen is not Side.TRAIN:
            wanted[chosen] -= sizes[group]
        side[group] = chosen
    return [side[group] for group in groups]
