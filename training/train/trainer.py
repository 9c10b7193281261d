"""The training loop: steps, validations and checkpoints, and at the end the best adapter."""

import math
from dataclasses import dataclass
from time import monotonic
from typing import cast

import torch
from accelerate import Accelerator
from peft import PeftModel
from torch import Tensor, nn

from training.artifacts.figures import FIGURES, Figure, FigureLog
from training.artifacts.progress import Moment, Report, TrainingProgress
from training.errors import Diverged
from training.recipe import EPOCH, Recipe, Schedule
from training.train.checkpoint import Checkpoint, Checkpoints, TrainState, Weights
from training.train.examples import IGNORED, EncodedSide, TokenizedExample
from training.train.gradient_step import new_gradient_step
from training.train.layout import Layout, Packed, Padded
from training.train.loss import ReplyLoss, measure
from training.train.memory import peak_mib
from training.train.optimiser import (
    FlatAdapter,
    new_optimiser,
    read_state,
    set_rate,
    write_state,
)
from training.train.schedule import ExampleOrder, LearningRateSchedule, seed_of

_GRAPH_TOKENS = 256  # rows are multiples of this where each length is a graph of its own
_TELL_EVERY = 10  # steps; reading a loss waits for the GPU


@dataclass(frozen=True, slots=True)
class Sides:
    """The examples to train on, and those that decide which adapter is kept and when to stop."""

    train: EncodedSide
    validation: EncodedSide


@dataclass(frozen=True, slots=True)
class _StepFigures:
    """The figures of a step, those not read yet that are still on the device."""

    step: int
    loss: Tensor
    norm: Tensor
    rate: float


def layout_of(schedule: Schedule, device: torch.device) -> Layout:
    """The layout that a recipe asks for; on a GPU with rows of few different lengths."""
    if schedule.layout == "packed":
        return Packed(schedule.row_tokens, 1 if device.type == "cpu" else _GRAPH_TOKENS)
    return Padded(schedule.batch_size)


class Trainer:
    """Trains the model's adapter in place; after `run` it is the best one.

    What it is before the first step counts among them, so a training never makes it worse.

    Under `accelerate launch` every process runs the same loop over its share of each step's
    examples. All of them come to the same decisions; only the main one writes and reports.
    """

    def __init__(
        self,
        model: PeftModel,
        recipe: Recipe,
        sides: Sides,
        accelerator: Accelerator,
        work: Checkpoints,
        tell: tuple[Report, TrainingProgress],
    ) -> None:
        schedule = recipe.schedule
        self.state = TrainState()
        self._model, self._recipe, self._sides = model, recipe, sides
        self._accelerator, self._work = accelerator, work
        self._report, self._progress = tell
        self._log = FigureLog(work.folder / FIGURES)
        self._layout = layout_of(schedule, accelerator.device)
        self._order = ExampleOrder(
            len(sides.train.rows), schedule.batch_size * schedule.accumulation, recipe.seed
        )
        self.steps = math.ceil(schedule.epochs * self._order.steps_per_epoch)
        every = recipe.stopping.every
        self._every = self._order.steps_per_epoch if every == EPOCH else every
        self._save_every = recipe.stopping.save_every or self._every
        self._rate = LearningRateSchedule.of(schedule, self.steps)
        self._trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._gradient = new_gradient_step(model, accelerator, self._trained, recipe)
        # Only now: preparing a model for several processes may move what it finds.
        self._flat = FlatAdapter(self._trained, schedule.rate_of_b)
        self._optimiser = new_optimiser(self._flat.groups, schedule)
        self._best: Weights = {}
        self._undone: list[_StepFigures] = []
        self._validation: float | None = None

    def run(self) -> TrainState:
        """Train to the end, from the last checkpoint if there is one; gives the final state.

        Raises Diverged when a loss is not finite, and CheckpointError.
        """
        self._begin()
        state, patience = self.state, self._recipe.stopping.patience
        while state.step < self.steps and state.bad_validations < patience:
            self._one_step(state.step)
            state.step += 1
            last = state.step == self.steps
            validate = last or state.step % self._every == 0
            if validate or state.step % _TELL_EVERY == 0:
                self._tell()
            if validate:
                self._validate()
            if validate or state.step % self._save_every == 0:
                self._save()
            if validate:
                self._say_validation()
        self._write(self._best)
        return state

    def _begin(self) -> None:
        checkpoint = self._work.last()
        if checkpoint is None:
            self.state.base_loss = self.state.best_loss = self.measure().per_token
            self._best = self._read()
            if self._accelerator.is_main_process:
                self._log.rewind(-1)
                self._log.add([self._beginning()])
        else:
            self.state, self._best = checkpoint.state, checkpoint.best
            self._write(checkpoint.adapter)
            write_state(self._optimiser, checkpoint.optimiser)
            if self._accelerator.is_main_process:
                self._log.rewind(self.state.step)
            self._say(f"going on after step {self.state.step}")
        self._accelerator.wait_for_everyone()
        self._before, self._began = self.state.seconds, monotonic()
        self._window = (self._began, self.state.tokens)
        self._model.train()

    def _beginning(self) -> Figure:
        learned = self._sides.train
        return self._figure(
            0,
            validation_loss=self.state.base_loss,
            rows=len(learned.rows),
            rows_shortened=learned.shortened,
            rows_left_out=learned.left_out,
        )

    def _one_step(self, step: int) -> None:
        rows = [self._sides.train.rows[place] for place in self._order.places(step)]
        rows.sort(key=lambda row: len(row["input_ids"]))
        processes, rank = self._accelerator.num_processes, self._accelerator.process_index
        mine = rows[rank::processes] or [_without_loss(rows[0])]
        replies = sum(label != IGNORED for row in rows for label in row["labels"])
        rate = self._rate.at(step)
        # Dropout depends on seed, step and process, not on what happened before.
        torch.manual_seed(seed_of(self._recipe.seed, step, rank))
        set_rate(self._optimiser, rate)
        # DDP takes the mean over the processes, where the sum is wanted.
        loss = self._gradient(self._layout.batches(mine), replies / processes)
        self._flat.collect()
        norm = nn.utils.clip_grad_norm_(self._flat.wholes, self._recipe.schedule.max_grad_norm)
        self._optimiser.step()
        self._flat.zero_grad()
        self.state.tokens += sum(len(row["input_ids"]) for row in rows)
        self._undone.append(_StepFigures(step + 1, loss, norm, rate))

    def _tell(self) -> None:
        """Fetch the figures of the steps since the last call, log them and show progress."""
        undone, self._undone = self._undone, []
        found = torch.stack([torch.stack([each.loss, each.norm.detach()]) for each in undone])
        losses, norms = self._over_processes(found.float(), "mean").T.tolist()
        now, tokens = monotonic(), self.state.tokens
        speed = (tokens - self._window[1]) / max(now - self._window[0], 1e-9)
        self.state.seconds = self._before + now - self._began
        memory = peak_mib(self._accelerator.device)
        wrong = [e.step for e, loss in zip(undone, losses, strict=True) if not math.isfinite(loss)]
        if wrong:
            raise Diverged(
                f"the loss is no number at step {wrong[0]}: lower schedule.learning_rate "
                f"(now {self._recipe.schedule.learning_rate:g}) or raise the warm-up"
            )
        figures = [
            self._figure(
                each.step,
                loss=loss,
                learning_rate=each.rate,
                grad_norm=norm,
                tokens_per_second=speed,
                memory_mib=memory,
            )
            for each, loss, norm in zip(undone, losses, norms, strict=True)
        ]
        if self._accelerator.is_main_process:
            self._log.add(figures)
            done = self.state.step
            left = self.state.seconds / done * (self.steps - done)
            mean = sum(losses) / len(losses)
            rows = self._sides.train.losses()
            self._progress.show(
                Moment(done, self.steps, mean, self._validation, speed, memory, left, rows)
            )
        self._window = (monotonic(), tokens)

    def _validate(self) -> None:
        state, loss = self.state, self.measure().per_token
        self._validation = loss
        state.trained_loss = min(state.trained_loss, loss)
        if loss < state.best_loss:
            state.best_loss, state.best_step, state.bad_validations = loss, state.step, 0
            self._best = self._read()
        else:
            state.bad_validations += 1
        if self._accelerator.is_main_process:
            self._log.add([self._figure(state.step, validation_loss=loss)])
        self._window = (monotonic(), state.tokens)

    def _say_validation(self) -> None:
        state, loss = self.state, self._validation
        began = "" if state.best_step else " before training"
        kept = f"best {state.best_loss:.3f}{began}" if state.bad_validations else "the best so far"
        self._say(f"step {state.step}/{self.steps}  validation loss {loss:.3f}, {kept}")

    def measure(self) -> ReplyLoss:
        """The loss on the validation side, over all processes, with the adapter as it is now."""
        accelerator = self._accelerator
        mine = self._sides.validation.rows[accelerator.process_index :: accelerator.num_processes]
        with accelerator.autocast():
            found = measure(self._model, mine, self._layout)
        sums = torch.tensor(
            [found.total, found.tokens], dtype=torch.float64, device=accelerator.device
        )
        total, tokens = self._over_processes(sums, "sum").tolist()
        return ReplyLoss(total, round(tokens))

    def _save(self) -> None:
        self.state.seconds = self._before + monotonic() - self._began
        if self._accelerator.is_main_process:
            slots = read_state(self._optimiser)
            self._work.save(Checkpoint(self.state, self._read(), self._best, slots))
        self._window = (monotonic(), self.state.tokens)

    def _over_processes(self, values: Tensor, how: str) -> Tensor:
        return cast("Tensor", self._accelerator.reduce(values, reduction=how))

    def _read(self) -> Weights:
        return {name: p.detach().cpu().clone() for name, p in self._trained.items()}

    @torch.no_grad()
    def _write(self, weights: Weights) -> None:
        for name, parameter in self._trained.items():
            parameter.copy_(weights[name])

    def _figure(self, step: int, **values: float) -> Figure:
        return Figure(step=step, epoch=step / self._order.steps_per_epoch, **values)

    def _say(self, line: str) -> None:
        if self._accelerator.is_main_process:
            self._report(line)


def _without_loss(row: TokenizedExample) -> TokenizedExample:
    """An example without a loss, for a process that gets none in a small step.

    It must still take part, or the others would wait for its gradients.
    """
    return TokenizedExample(input_ids=row["input_ids"], labels=[IGNORED] * len(row["labels"]))
