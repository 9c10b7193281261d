"""The type that training and evaluation compute in."""

import torch


def compute_dtype(precision: str = "auto") -> torch.dtype:
    """`bfloat16`, `float32`, or what this machine is good at.

    float32 on a CPU, where it is as fast as bfloat16 and rounds less.
    """
    if precision == "auto":
        precision = "bfloat16" if torch.cuda.is_available() else "float32"
    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[precision]
