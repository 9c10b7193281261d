"""Causal attention within each example of packed rows: FlashAttention over their bounds.

Dao, 2023 (arXiv:2307.08691). Nothing is computed between examples, unlike with a mask.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the examples of all rows, laid end to end, begin and end.

    Example n has the tokens from `ends[n]` up to `ends[n + 1]`: int32, and 0 first. Examples at the
    end may be empty. None is longer than `longest`.
    """

    ends: Tensor
    longest: int


@dataclass(frozen=True, slots=True)
class Attended:
    """The output, of shape (tokens, heads, head_dim), and what the kernel needs to go back."""

    output: Tensor
    saved: tuple[Tensor, ...]


def attend(query: Tensor, key: Tensor, value: Tensor, bounds: Bounds, scale: float) -> Attended:
    """Attention of tensors of shape (tokens, heads, head_dim); keys may have fewer heads."""
    if not query.is_cuda:
        return Attended(_slowly(query, key, value, bounds, scale), ())
    output, *saved, _ = cast("Any", torch.ops.aten)._flash_attention_forward(  # noqa: SLF001
        query, key, value, bounds.ends, bounds.ends, bounds.longest, bounds.longest,
        0.0, True, False, scale=scale,
    )  # fmt: skip
    return Attended(output, tuple(saved))


def attend_backward(
    gradient: Tensor,
    tensors: tuple[Tensor, Tensor, Tensor],
    attended: Attended,
    bounds: Bounds,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of query, key and value, which are `tensors`, from that of the output."""
    if not gradient.is_cuda:
        with torch.enable_grad():
            leaves = [tensor.detach().requires_grad_() for tensor in tensors]
            output = _slowly(leaves[0], leaves[1], leaves[2], bounds, scale)
        first, second, third = torch.autograd.grad(output, leaves, gradient)
        return first, second, third
    logsumexp, *random = attended.saved
    return cast("Any", torch.ops.aten)._flash_attention_backward(  # noqa: SLF001
        gradient, *tensors, attended.output, logsumexp, bounds.ends, bounds.ends,
        bounds.longest, bounds.longest, 0.0, True, *random, scale=scale,
    )  # fmt: skip


def _slowly(query: Tensor, key: Tensor, value: Tensor, bounds: Bounds, scale: float) -> Tensor:
    sizes = cast("list[int]", bounds.ends.diff().tolist())
    parts = [
        F.scaled_dot_product_attention(
            *(tensor.transpose(0, 1) for tensor in example),
            is_causal=True,
            enable_gqa=True,
            scale=scale,
        ).transpose(0, 1)
        for example in zip(*(t.split(sizes) for t in (query, key, value)), strict=True)
    ]
    return torch.cat(parts)
