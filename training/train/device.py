"""The machine that trains: the processes that share the work, and the type they compute in."""

import torch
from accelerate import Accelerator, PartialState


def compute_dtype(precision: str = "auto") -> torch.dtype:
    """The type to compute in, from a recipe's `precision`: `bfloat16`, `float32` or `auto`.

    `auto` is bfloat16 on a GPU. On a CPU it is float32, which is as fast there and rounds less.
    """
    if precision == "auto":
        precision = "bfloat16" if torch.cuda.is_available() else "float32"
    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[precision]


def new_accelerator(dtype: torch.dtype) -> Accelerator:
    """Join the processes that `accelerate launch` started (or be the only one).

    They exchange gradients over NCCL between GPUs and over gloo between CPUs; matrix products run
    in `dtype`.
    """
    mixed = "bf16" if dtype == torch.bfloat16 else "no"
    return Accelerator(mixed_precision=mixed, cpu=not torch.cuda.is_available())


def this_process() -> PartialState:
    """Which process this is, for decisions that come before an Accelerator exists."""
    return PartialState(cpu=not torch.cuda.is_available())
