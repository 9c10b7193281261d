"""The gradient of one optimiser's step, over as many forward passes as its batches need."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Protocol, cast

import torch
from accelerate import Accelerator
from peft import PeftModel
from torch import Tensor, nn

from training.recipe import Recipe
from training.train.fused.decoder import FusedDecoder
from training.train.graph import GraphedStep
from training.train.layout import Batch
from training.train.loss import ReplyLossModule
from training.train.memory import checkpointing_is_on


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
    model: PeftModel,
    accelerator: Accelerator,
    trained: Mapping[str, nn.Parameter],
    recipe: Recipe,
) -> GradientStep:
    """The fastest way that the recipe and the machine allow to get a model's gradients.

    CUDA graphs need one GPU, the packed layout (its rows have few lengths), and neither dropout nor
    noise, which draw random numbers, nor DoRA, whose kernels in peft were not captured yet. In them
    the fused decoder stands for the model's own layers, where it knows them. All other trainings
    run kernel by kernel.
    """
    if not graphs_are_used(accelerator, recipe):
        module = cast(
            "nn.Module", accelerator.prepare(ReplyLossModule(model, noise=recipe.schedule.noise))
        )
        return EagerStep(module, accelerator)
    fused = None
    if fused_is_used(model, accelerator, recipe):
        fused = FusedDecoder(model, keep_all=not checkpointing_is_on(model))
    bfloat16 = accelerator.mixed_precision == "bf16"
    return GraphedStep(ReplyLossModule(model, fused), list(trained.values()), bfloat16=bfloat16)


def graphs_are_used(accelerator: Accelerator, recipe: Recipe) -> bool:
    """Whether steps of this recipe run as CUDA graphs here."""
    return (
        accelerator.device.type == "cuda"
        and accelerator.num_processes == 1
        and recipe.schedule.layout == "packed"
        and recipe.lora.dropout == recipe.schedule.noise == 0
        and not recipe.lora.dora
    )


def fused_is_used(model: PeftModel, accelerator: Accelerator, recipe: Recipe) -> bool:
    """Whether the fused decoder computes the steps of this recipe here."""
    return (
        graphs_are_used(accelerator, recipe)
        and accelerator.mixed_precision == "bf16"
        and FusedDecoder.supports(model)
    )
