"""Telling a person how training goes."""

import time
from collections.abc import Callable

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

# Takes one line for a person.
Report = Callable[[str], None]


class ProgressLines(TrainerCallback):
    """Reports step, losses and the time left, once for every validation and every ten steps."""

    def __init__(self, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._clock = clock
        self._began = 0.0

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        """Remember when it began."""
        self._began = self._clock()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Report what the Trainer logged."""
        logs = logs or {}
        if "loss" in logs:
            what = f"loss {logs['loss']:.3f}"
        elif "eval_loss" in logs:
            what = f"validation loss {logs['eval_loss']:.3f}"
        else:
            return
        done = state.global_step
        spent = self._clock() - self._began
        left = spent / done * (state.max_steps - done) if done else 0.0
        self._report(
            f"step {done}/{state.max_steps}  {what}  "
            f"{spent / 60:.1f} min spent, about {left / 60:.1f} left"
        )
