"""The gradient of one optimiser's step, over as many forward passes as its batches need."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Protocol

import torch
from accelerate import Accelerator
from torch import nn

from training.layout import Batch


class Step(Protocol):
    """Adds to the gradients of what trains."""

    def __call__(self, batches: Sequence[Batch], tokens: float) -> torch.Tensor:
        """Backpropagate the batches' summed losses over `tokens`; gives that loss, detached."""
        ...


class EagerStep:
    """One batch after the other, kernel by kernel."""

    def __init__(self, loss_module: nn.Module, accelerator: Accelerator) -> None:
        self._loss = loss_module
        self._accelerator = accelerator

    def __call__(self, batches: Sequence[Batch], tokens: float) -> torch.Tensor:
        """See Step."""
        total = torch.zeros((), device=self._accelerator.device)
        for number, batch in enumerate(batches, 1):
            last = number == len(batches)  # only then do several processes share their gradients
            with nullcontext() if last else self._accelerator.no_sync(self._loss):
                loss = self._loss(batch.to(self._accelerator.device)) / tokens
                self._accelerator.backward(loss)
            total += loss.detach()
        return total
