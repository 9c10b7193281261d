"""RMSNorm (Zhang and Sennrich, 2019, arXiv:1910.07467) and its gradient, a kernel each."""

import torch
from torch import Tensor

from training.train.fused.jit import Number, Pointer, constexpr, jit, power_of_two, tl


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Each row of `x`, of shape (tokens, size), scaled to a mean square of 1, times `weight`."""
    if not x.is_cuda:
        wide = x.float()
        return weight * (wide * _inverse_root(wide, epsilon)).to(x.dtype)
    out, size = torch.empty_like(x), x.shape[1]
    _norm_forward[(len(x),)](x, weight, out, epsilon, size, tile=power_of_two(size), num_warps=8)
    return out


def rms_norm_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, epsilon: float, residual: Tensor
) -> Tensor:
    """The gradient of `x` from that of `rms_norm(x, ...)`, with `residual` added to it.

    All are of the shape (tokens, size). `weight` is frozen.
    """
    if not x.is_cuda:
        wide, scaled = x.float(), gradient.float() * weight.float()
        inverse = _inverse_root(wide, epsilon)
        unit = wide * inverse
        along = (scaled * unit).mean(-1, keepdim=True)
        return ((scaled - unit * along) * inverse + residual.float()).to(x.dtype)
    out, size = torch.empty_like(x), x.shape[1]
    _norm_backward[(len(x),)](
        gradient, x, weight, residual, out, epsilon, size, tile=power_of_two(size), num_warps=8
    )
    return out


def _inverse_root(wide: Tensor, epsilon: float) -> Tensor:
    return torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)


@jit
def _norm_forward(
    x: "Pointer",
    weight: "Pointer",
    out: "Pointer",
    epsilon: "Number",
    size: "Number",
    tile: "constexpr",
) -> None:
    row = tl.program_id(0).to(tl.int64) * size
    place = tl.arange(0, tile)
    inside = place < size
    value = tl.load(x + row + place, mask=inside, other=0).to(tl.float32)
    inverse = tl.rsqrt(tl.sum(value * value, axis=0) / size + epsilon)
    unit = (value * inverse).to(out.dtype.element_ty).to(tl.float32)  # rounded as torch rounds
    scaled = unit * tl.load(weight + place, mask=inside, other=0).to(tl.float32)
    tl.store(out + row + place, scaled.to(out.dtype.element_ty), mask=inside)


@jit
def _norm_backward(
    gradient: "Pointer",
    x: "Pointer",
    weight: "Pointer",
    residual: "Pointer",
    out: "Pointer",
    epsilon: "Number",
    size: "Number",
    tile: "constexpr",
) -> None:
    row = tl.program_id(0).to(tl.int64) * size
    place = tl.arange(0, tile)
    inside = place < size
    value = tl.load(x + row + place, mask=inside, other=0).to(tl.float32)
    inverse = tl.rsqrt(tl.sum(value * value, axis=0) / size + epsilon)
    unit = value * inverse
    scaled = tl.load(gradient + row + place, mask=inside, other=0).to(tl.float32)
    scaled *= tl.load(weight + place, mask=inside, other=0).to(tl.float32)
    along = tl.sum(scaled * unit, axis=0) / size
    more = tl.load(residual + row + place, mask=inside, other=0).to(tl.float32)
    result = (scaled - unit * along) * inverse + more
    tl.store(out + row + place, result.to(out.dtype.element_ty), mask=inside)
