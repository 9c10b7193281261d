"""The gradient of one optimiser's step, over as many forward passes as its batches need."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Protocol, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from training.recipe import Recipe
from training.train.attention import Spans
from training.train.graph import GraphedStep
from training.train.layout import Batch
from training.train.loss import ReplyLossModule


class GradientStep(Protocol):
    """Computes gradients and adds them to those of the trained parameters."""

    def __call__(self, batches: Sequence[Batch], tokens: float) -> Tensor:
        """Backpropagate the sum of the batches' losses, divided by `tokens`.

        Gives that loss as a detached scalar on the device.
        """
        ...


class EagerStep:
    """A GradientStep that runs batch after batch, kernel by kernel, on any device."""

    def __init__(self, loss_module: nn.Module, accelerator: Accelerator) -> None:
        self._loss = loss_module
        self._accelerator = accelerator

    def __call__(self, batches: Sequence[Batch], tokens: float) -> Tensor:
        """See GradientStep."""
        total = torch.zeros((), device=self._accelerator.device)
        for number, batch in enumerate(batches, 1):
            last = number == len(batches)  # only then do several processes share their gradients
            with nullcontext() if last else self._accelerator.no_sync(self._loss):
                loss = self._loss(batch.to(self._accelerator.device)) / tokens
                self._accelerator.backward(loss)
            total += loss.detach()
        return total


def new_gradient_step(
    module: ReplyLossModule,
    accelerator: Accelerator,
    trained: Mapping[str, nn.Parameter],
    recipe: Recipe,
) -> GradientStep:
    """CUDA graphs where the recipe and the machine allow them, else kernel by kernel.

    Graphs need one GPU, the packed layout (its rows have few lengths) and no dropout.
    """
    graphs = (
        accelerator.device.type == "cuda"
        and accelerator.num_processes == 1
        and recipe.schedule.layout == "packed"
        and recipe.lora.dropout == 0
    )
    if not graphs:
        return EagerStep(cast("nn.Module", accelerator.prepare(module)), accelerator)
    loss = graph_loss(module, bfloat16=accelerator.mixed_precision == "bf16")
    return GraphedStep(loss, list(trained.values()))


def graph_loss(
    module: ReplyLossModule, *, bfloat16: bool
) -> Callable[[Batch, Spans | None], Tensor]:
    """The module's loss as a graph can capture it, with matrix products in bfloat16 if asked.

    Autocast keeps no cast weights from one call to the next: a graph would not see them change.
    """

    def loss(batch: Batch, spans: Spans | None = None) -> Tensor:
        with torch.autocast("cuda", torch.bfloat16, bfloat16, cache_enabled=False):
            return module(batch, spans)

    return loss
