"""Which examples each step learns from: a function of seed and step alone. Pure."""

import math
from functools import lru_cache
from random import Random


class Order:
    """`rows` examples in a new order every epoch, `per_step` of them at a time.

    The last step of an epoch takes what is left. Nothing is remembered between steps, so that a
    resumed training sees what it would have seen.
    """

    def __init__(self, rows: int, per_step: int, seed: int) -> None:
        self.steps_per_epoch = math.ceil(rows / per_step)
        self._rows, self._per_step, self._seed = rows, per_step, seed

    def places(self, step: int) -> list[int]:
        """The examples of a step, counted from 0."""
        epoch, within = divmod(step, self.steps_per_epoch)
        start = within * self._per_step
        return _permutation(self._rows, self._seed, epoch)[start : start + self._per_step]


def seed_of(seed: int, step: int, process: int) -> int:
    """The seed of what is random within a step, such as dropout; 63 bits."""
    return Random(f"{seed}:{step}:{process}").getrandbits(63)  # noqa: S311 - no secret


@lru_cache(maxsize=1)
def _permutation(rows: int, seed: int, epoch: int) -> list[int]:
    places = list(range(rows))
    Random(f"{seed}:{epoch}").shuffle(places)  # noqa: S311 - no secret
    return places
