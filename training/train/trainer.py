"""The training loop: steps, validations, checkpoints, and the best adapter at the end."""

import math
from dataclasses import dataclass
from time import monotonic
from typing import cast

import torch
from accelerate import Accelerator
from peft import PeftModel
from torch import Tensor, nn

from training.artifacts.figures import FIGURES, Figure, FigureLog
from training.artifacts.progress import Moment, Progress, Report
from training.errors import Diverged
from training.recipe import EPOCH, Recipe, Schedule
from training.train.checkpoint import Checkpoint, Checkpoints, Standing, Weights
from training.train.examples import IGNORED, Row
from training.train.flat import Flat
from training.train.layout import Layout, Packed, Padded
from training.train.loss import ReplyLoss, ReplyLossModule, measure
from training.train.memory import peak_mib
from training.train.optimiser import new_optimiser, read_state, set_rate, write_state
from training.train.order import Order, seed_of
from training.train.rate import Rate
from training.train.step import new_step

_GRAPH_TOKENS = 256  # rows are multiples of this where each length is a graph of its own
_TELL_EVERY = 10  # steps; reading a loss waits for the GPU


@dataclass(frozen=True, slots=True)
class Sides:
    """The rows training sees: one side to learn, one to decide when to stop."""

    train: list[Row]
    validation: list[Row]


@dataclass(frozen=True, slots=True)
class _Done:
    """A step whose figures still lie on the device."""

    step: int
    loss: Tensor
    norm: Tensor
    rate: float


def layout_of(schedule: Schedule, device: torch.device) -> Layout:
    """How a recipe lays examples out; on a GPU in rows of few different lengths."""
    if schedule.layout == "packed":
        return Packed(schedule.row_tokens, 1 if device.type == "cpu" else _GRAPH_TOKENS)
    return Padded(schedule.batch_size)


class Trainer:
    """Trains the model's adapter in place; afterwards it holds the best one.

    Under `accelerate launch` every process runs the same loop over its share of each step's
    examples; all of them come to the same decisions, and only the main one writes and speaks.
    """

    def __init__(
        self,
        model: PeftModel,
        recipe: Recipe,
        sides: Sides,
        accelerator: Accelerator,
        work: Checkpoints,
        tell: tuple[Report, Progress],
    ) -> None:
        schedule = recipe.schedule
        self.standing = Standing()
        self._model, self._recipe, self._sides = model, recipe, sides
        self._accelerator, self._work = accelerator, work
        self._report, self._progress = tell
        self._log = FigureLog(work.folder / FIGURES)
        self._layout = layout_of(schedule, accelerator.device)
        self._order = Order(
            len(sides.train), schedule.batch_size * schedule.accumulation, recipe.seed
        )
        self.steps = math.ceil(schedule.epochs * self._order.steps_per_epoch)
        every = recipe.stopping.every
        self._every = self._order.steps_per_epoch if every == EPOCH else every
        self._save_every = recipe.stopping.save_every or self._every
        self._rate = Rate.of(schedule, self.steps)
        self._trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._gradient = new_step(ReplyLossModule(model), accelerator, self._trained, recipe)
        # Only now: preparing a model for several processes may move what it finds.
        self._flat = Flat(list(self._trained.values()))
        self._optimiser = new_optimiser([self._flat.whole], schedule)
        self._best: Weights = {}
        self._undone: list[_Done] = []
        self._validation: float | None = None

    def run(self) -> Standing:
        """Train to the end, from the last checkpoint if there is one; says how it went."""
        self._begin()
        standing, patience = self.standing, self._recipe.stopping.patience
        while standing.step < self.steps and standing.misses < patience:
            self._one_step(standing.step)
            standing.step += 1
            last = standing.step == self.steps
            validate = last or standing.step % self._every == 0
            if validate or standing.step % _TELL_EVERY == 0:
                self._tell()
            if validate:
                self._validate()
            if validate or standing.step % self._save_every == 0:
                self._save()
            if validate:
                self._say_validation()
        self._write(self._best)
        return standing

    def _begin(self) -> None:
        checkpoint = self._work.last()
        if checkpoint is None:
            self.standing.base_loss = self.measure().per_token
            self._best = self._read()
            if self._accelerator.is_main_process:
                self._log.rewind(-1)
                self._log.add([self._figure(0, validation_loss=self.standing.base_loss)])
        else:
            self.standing, self._best = checkpoint.standing, checkpoint.best
            self._write(checkpoint.adapter)
            write_state(self._optimiser, checkpoint.optimiser)
            if self._accelerator.is_main_process:
                self._log.rewind(self.standing.step)
            self._say(f"going on after step {self.standing.step}")
        self._accelerator.wait_for_everyone()
        self._before, self._began = self.standing.seconds, monotonic()
        self._window = (self._began, self.standing.tokens)
        self._model.train()

    def _one_step(self, step: int) -> None:
        rows = [self._sides.train[place] for place in self._order.places(step)]
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
        norm = nn.utils.clip_grad_norm_([self._flat.whole], self._recipe.schedule.max_grad_norm)
        self._optimiser.step()
        self._flat.zero()
        self.standing.tokens += sum(len(row["input_ids"]) for row in rows)
        self._undone.append(_Done(step + 1, loss, norm, rate))

    def _tell(self) -> None:
        """Read the figures of the steps since the last time, keep them and show them."""
        undone, self._undone = self._undone, []
        found = torch.stack([torch.stack([each.loss, each.norm.detach()]) for each in undone])
        losses, norms = self._over_processes(found.float(), "mean").T.tolist()
        now, tokens = monotonic(), self.standing.tokens
        speed = (tokens - self._window[1]) / max(now - self._window[0], 1e-9)
        self.standing.seconds = self._before + now - self._began
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
            done = self.standing.step
            left = self.standing.seconds / done * (self.steps - done)
            mean = sum(losses) / len(losses)
            self._progress.show(
                Moment(done, self.steps, mean, self._validation, speed, memory, left)
            )
        self._window = (monotonic(), tokens)

    def _validate(self) -> None:
        standing, loss = self.standing, self.measure().per_token
        self._validation = loss
        if loss < standing.best_loss:
            standing.best_loss, standing.best_step, standing.misses = loss, standing.step, 0
            self._best = self._read()
        else:
            standing.misses += 1
        if self._accelerator.is_main_process:
            self._log.add([self._figure(standing.step, validation_loss=loss)])
        self._window = (monotonic(), standing.tokens)

    def _say_validation(self) -> None:
        standing, loss = self.standing, self._validation
        kept = f"best {standing.best_loss:.3f}" if standing.misses else "the best so far"
        self._say(f"step {standing.step}/{self.steps}  validation loss {loss:.3f}, {kept}")

    def measure(self) -> ReplyLoss:
        """The loss on the validation side, over all processes."""
        accelerator = self._accelerator
        mine = self._sides.validation[accelerator.process_index :: accelerator.num_processes]
        with accelerator.autocast():
            found = measure(self._model, mine, self._layout)
        sums = torch.tensor(
            [found.total, found.tokens], dtype=torch.float64, device=accelerator.device
        )
        total, tokens = self._over_processes(sums, "sum").tolist()
        return ReplyLoss(total, round(tokens))

    def _save(self) -> None:
        self.standing.seconds = self._before + monotonic() - self._began
        if self._accelerator.is_main_process:
            state = read_state(self._optimiser)
            self._work.save(Checkpoint(self.standing, self._read(), self._best, state))
        self._window = (monotonic(), self.standing.tokens)

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


def _without_loss(row: Row) -> Row:
    """For a process that a small last step leaves without an example: it must still take part."""
    return Row(input_ids=row["input_ids"], labels=[IGNORED] * len(row["labels"]))
