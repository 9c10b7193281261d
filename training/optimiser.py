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
    from bitsandbytes.optim.adamw import PagedAdamW8bit

    return PagedAdamW8bit(chosen, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Use this learning rate from now on."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def read_state(optimiser: Optimizer) -> list[Slots]:
    """What it remembers of each parameter, in their order; tensors are its own, not copies."""
    return [dict(cast("Any", optimiser).state[p]) for p in _parameters(optimiser)]


def write_state(optimiser: Optimizer, state: Iterable[Mapping[str, Tensor | int]]) -> None:
    """Let it remember what `read_state` gave, on each parameter's own device."""
    for parameter, slots in zip(_parameters(optimiser), state, strict=True):
        # torch keeps the count of steps on the CPU, wherever the parameter is.
        cast("Any", optimiser).state[parameter] = {
            name: value.to(parameter.device) if isinstance(value, Tensor) and value.dim() else value
            for name, value in slots.items()
        }


def _parameters(optimiser: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]
