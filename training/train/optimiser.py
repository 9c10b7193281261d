"""The optimiser, and its state as plain tensors."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training.recipe import Schedule

# Of one parameter, by the optimiser's own names.
Slots = dict[str, Tensor | int]


def new_optimiser(parameters: Iterable[nn.Parameter], schedule: Schedule) -> Optimizer:
    """AdamW over the parameters: on a GPU paged and in 8 bits, as in QLoRA, unless it is named.

    Paging and quantisation: Dettmers and others, 2023 (arXiv:2305.14314) and 2022
    (arXiv:2110.02861).
    """
    chosen = list(parameters)
    kind = schedule.optimizer
    if kind == "auto":
        kind = "paged_adamw_8bit" if chosen[0].is_cuda else "adamw"
    if kind == "adamw":
        return torch.optim.AdamW(
            chosen, lr=schedule.learning_rate, weight_decay=schedule.weight_decay
        )
    from bitsandbytes.optim.adamw import AdamW8bit, PagedAdamW8bit

    kind_of = PagedAdamW8bit if chosen[0].is_cuda else AdamW8bit  # a CPU has nothing to page to
    return kind_of(chosen, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Use this learning rate from now on."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def read_state(optimiser: Optimizer) -> list[Slots]:
    """What it remembers of each parameter, in their order; tensors are its own, not copies."""
    return [dict(cast("Any", optimiser).state[p]) for p in _parameters(optimiser)]


def write_state(optimiser: Optimizer, state: Iterable[Mapping[str, Tensor | int]]) -> None:
    """Let it remember copies of what `read_state` gave, on each parameter's own device."""
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
