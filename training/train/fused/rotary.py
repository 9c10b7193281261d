"""Rotary position embedding (Su and others, 2021, arXiv:2104.09864), in place or on the way."""

import torch
from torch import Tensor

from training.train.fused.jit import Number, Pointer, constexpr, jit, power_of_two, tl

Angles = tuple[Tensor, Tensor]  # cosines and sines, each of shape (tokens, head_dim)


def rotate(source: Tensor, target: Tensor, angles: Angles, *, back: bool = False) -> None:
    """Turn each head of `source` by its token's angles into `target`, which may be `source`.

    Both have the shape (tokens, heads, head_dim); within a token they are contiguous. `back` turns
    the other way, which is also how a gradient passes back.
    """
    cos, sin = angles
    tokens, heads, size = source.shape
    if not source.is_cuda:
        first, second = source.float().chunk(2, dim=-1)
        turned = torch.cat((-second, first), dim=-1) * sin.float()[:, None]
        turned = source.float() * cos.float()[:, None] + (-turned if back else turned)
        target.copy_(turned)
        return
    _rotate[(tokens,)](
        source, target, cos, sin, source.stride(0), target.stride(0), heads,
        sign=-1.0 if back else 1.0, half=size // 2, tile=power_of_two(heads),
    )  # fmt: skip


@jit
def _rotate(
    source: "Pointer",
    target: "Pointer",
    cos: "Pointer",
    sin: "Pointer",
    source_stride: "Number",
    target_stride: "Number",
    heads: "Number",
    sign: "constexpr",
    half: "constexpr",
    tile: "constexpr",
) -> None:
    token = tl.program_id(0).to(tl.int64)
    head, place = tl.arange(0, tile)[:, None], tl.arange(0, half)[None, :]
    inside = head < heads
    # The angles of the second half of a head are those of the first.
    across = tl.load(cos + token * (2 * half) + place).to(tl.float32)
    up = tl.load(sin + token * (2 * half) + place).to(tl.float32) * sign
    places = head * (2 * half) + place
    start = source + token * source_stride
    first = tl.load(start + places, mask=inside, other=0).to(tl.float32)
    second = tl.load(start + places + half, mask=inside, other=0).to(tl.float32)
    kind = target.dtype.element_ty
    start = target + token * target_stride
    tl.store(start + places, (first * across - second * up).to(kind), mask=inside)
    tl.store(start + places + half, (second * across + first * up).to(kind), mask=inside)
