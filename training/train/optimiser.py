"""The optimiser: what it steps over, and its state as plain tensors.

An adapter consists of hundreds of small matrices. As one flat parameter, clipping and the step over
all of them are a handful of kernels instead of thousands.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training.recipe import Schedule

# The state of one parameter, under the optimiser's own names.
Slots = dict[str, Tensor | int]
_IS_B = ".lora_B."
_FACTOR = "rate_factor"


class FlatParameter:
    """One parameter, `whole`, that holds the values and gradients of `parts` in their order.

    From then on the parts are views into it: writing to one writes to the other. The parts must
    have one dtype and lie on one device.
    """

    def __init__(self, parts: Sequence[nn.Parameter]) -> None:
        values = torch.cat([part.detach().flatten() for part in parts])
        self.whole = nn.Parameter(values)
        self.gradient = torch.zeros_like(values)
        self.whole.grad = self.gradient
        self._parts = parts
        sizes = [part.numel() for part in parts]
        self._gradients: list[Tensor] = []
        for part, value, gradient in zip(
            parts, values.split(sizes), self.gradient.split(sizes), strict=True
        ):
            part.data = value.view_as(part)
            part.grad = gradient.view_as(part)
            self._gradients.append(part.grad)

    def collect(self) -> None:
        """Copy in the gradients of parts whose `grad` was replaced, as DDP does."""
        for part, gradient in zip(self._parts, self._gradients, strict=True):
            if part.grad is not gradient:
                if part.grad is not None:
                    gradient.copy_(part.grad)
                part.grad = gradient

    def zero_grad(self) -> None:
        """Set all gradients to 0 without moving them."""
        self.gradient.zero_()


class FlatAdapter:
    """The trained parameters of an adapter, flat; its B matrices apart where their rate differs.

    `groups` are what an optimiser steps over: parameters with the factor of their rate.
    """

    def __init__(self, trained: Mapping[str, nn.Parameter], rate_of_b: float) -> None:
        sides: dict[float, list[nn.Parameter]] = {}
        for name, parameter in trained.items():
            factor = rate_of_b if _IS_B in name else 1.0
            sides.setdefault(factor, []).append(parameter)
        self._flat = [FlatParameter(parts) for parts in sides.values()]
        self.wholes = [flat.whole for flat in self._flat]
        self.groups = [
            {"params": [whole], _FACTOR: factor}
            for whole, factor in zip(self.wholes, sides, strict=True)
        ]

    def collect(self) -> None:
        """See `FlatParameter.collect`."""
        for flat in self._flat:
            flat.collect()

    def zero_grad(self) -> None:
        """Set all gradients to 0 without moving them."""
        for flat in self._flat:
            flat.zero_grad()


def new_optimiser(groups: Iterable[dict[str, Any]], schedule: Schedule) -> Optimizer:
    """AdamW over the groups of a FlatAdapter, of the kind that the recipe names.

    `auto` is the paged 8-bit kind on a GPU, as in QLoRA, and torch's own on a CPU. Paging:
    Dettmers and others, 2023 (arXiv:2305.14314); 8 bits: 2022 (arXiv:2110.02861).
    """
    chosen = list(groups)
    is_cuda = chosen[0]["params"][0].is_cuda
    kind = schedule.optimizer
    if kind == "auto":
        kind = "paged_adamw_8bit" if is_cuda else "adamw"
    if kind == "adamw":
        return torch.optim.AdamW(
            chosen, lr=schedule.learning_rate, weight_decay=schedule.weight_decay
        )
    from bitsandbytes.optim.adamw import AdamW8bit, PagedAdamW8bit

    kind_of = PagedAdamW8bit if is_cuda else AdamW8bit  # a CPU has nothing to page to
    return kind_of(chosen, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Use this learning rate from now on, times the factor of each group."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group[_FACTOR]


def read_state(optimiser: Optimizer) -> list[Slots]:
    """The state of each parameter, in their order. The tensors are the optimiser's, not copies."""
    return [dict(cast("Any", optimiser).state[p]) for p in _parameters(optimiser)]


def write_state(optimiser: Optimizer, state: Iterable[Mapping[str, Tensor | int]]) -> None:
    """Replace the optimiser's state by copies of what `read_state` gave.

    Each copy lies on the device of its parameter. Raises ValueError when the number of parameters
    differs.
    """
    for parameter, slots in zip(_parameters(optimiser), state, strict=True):
        cast("Any", optimiser).state[parameter] = {
            name: _copy(value, parameter.device) for name, value in slots.items()
        }


def _copy(value: Tensor | int, device: torch.device) -> Tensor | int:
    if not isinstance(value, Tensor):
        return value
    # torch keeps its count of steps on the CPU, wherever the parameter is.
    return value.detach().clone().to(device if value.dim() else "cpu")


def _parameters(optimiser: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]
