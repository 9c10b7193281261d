"""How the learning rate goes over the steps. Pure."""

import math
from dataclasses import dataclass

from training.recipe import Schedule


@dataclass(frozen=True, slots=True)
class Rate:
    """Up in a line over `warmup` steps to `peak`, then down to 0 (or level) by the last step.

    The cosine is that of Loshchilov and Hutter, 2017 (arXiv:1608.03983), without restarts.
    """

    peak: float
    shape: str
    warmup: int
    steps: int

    @classmethod
    def of(cls, schedule: Schedule, steps: int) -> "Rate":
        """That of a recipe's schedule over so many steps."""
        warmup = schedule.warmup_steps
        if warmup is None:
            warmup = math.ceil(schedule.warmup * steps)
        return cls(schedule.learning_rate, schedule.scheduler, warmup, steps)

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0; never 0 before the end."""
        if step < self.warmup:
            return self.peak * (step + 1) / (self.warmup + 1)
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        if self.shape == "cosine":
            return self.peak * 0.5 * (1 + math.cos(math.pi * done))
        return self.peak * (1 - done if self.shape == "linear" else 1)
