"""What each optimiser's step gets: its examples and its learning rate.

Both are functions of the recipe and the step's number alone. Nothing is remembered between steps,
so a resumed training goes on exactly as it would have without the break.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from training.recipe import Schedule


@dataclass(frozen=True, slots=True)
class LearningRateSchedule:
    """Rises linearly to `peak` over `warmup` steps, then follows `shape` until step `steps`.

    `shape` is `cosine` or `linear` (both end at 0) or `constant`. The cosine is that of Loshchilov
    and Hutter, 2017 (arXiv:1608.03983), without restarts.
    """

    peak: float
    shape: str
    warmup: int
    steps: int

    @classmethod
    def of(cls, schedule: Schedule, steps: int) -> "LearningRateSchedule":
        """The one that a recipe asks for, over a training of `steps` steps."""
        warmup = schedule.warmup_steps
        if warmup is None:
            warmup = math.ceil(schedule.warmup * steps)
        return cls(schedule.learning_rate, schedule.scheduler, warmup, steps)

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0. It is above 0 in every step."""
        if step < self.warmup:
            return self.peak * (step + 1) / (self.warmup + 1)
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        if self.shape == "cosine":
            return self.peak * 0.5 * (1 + math.cos(math.pi * done))
        return self.peak * (1 - done if self.shape == "linear" else 1)


class ExampleOrder:
    """Which of `rows` examples each step learns from, `per_step` at a time.

    Every epoch sees every example once, in a new order that follows from `seed` and the epoch. The
    last step of an epoch takes what is left.
    """

    def __init__(self, rows: int, per_step: int, seed: int) -> None:
        self.steps_per_epoch = math.ceil(rows / per_step)
        self._rows, self._per_step, self._seed = rows, per_step, seed

    def places(self, step: int) -> list[int]:
        """The indices of a step's examples, between 0 and `rows` - 1. Steps count from 0."""
        epoch, within = divmod(step, self.steps_per_epoch)
        start = within * self._per_step
        return _permutation(self._rows, self._seed, epoch)[start : start + self._per_step]


def seed_of(seed: int, step: int, process: int) -> int:
    """The seed for what is random within a step, such as dropout: a number of 63 bits."""
    return Random(f"{seed}:{step}:{process}").getrandbits(63)  # noqa: S311 - no secret


@lru_cache(maxsize=1)
def _permutation(rows: int, seed: int, epoch: int) -> list[int]:
    places = list(range(rows))
    Random(f"{seed}:{epoch}").shuffle(places)  # noqa: S311 - no secret
    return places
