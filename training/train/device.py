"""The processes that train together: one, or as many as `accelerate launch` starts."""

import torch
from accelerate import Accelerator, PartialState


def new_accelerator(dtype: torch.dtype) -> Accelerator:
    """For a computation in `dtype`. On a CPU several processes talk over gloo, else over NCCL."""
    mixed = "bf16" if dtype == torch.bfloat16 else "no"
    return Accelerator(mixed_precision=mixed, cpu=not torch.cuda.is_available())


def this_process() -> PartialState:
    """Which of the processes this is, before there is an Accelerator."""
    return PartialState(cpu=not torch.cuda.is_available())
