"""The gated activation of the feed-forward layer (Shazeer, 2020, arXiv:2002.05202)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from training.train.fused.jit import Number, Pointer, cdiv, constexpr, jit, tl

_BLOCK = 2048


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up, of shape (tokens, size), for gate and up beside each other in a row."""
    tokens, size = gate_up.shape[0], gate_up.shape[1] // 2
    if not gate_up.is_cuda:
        gate, up = gate_up.chunk(2, dim=1)
        return F.silu(gate) * up
    out = gate_up.new_empty(tokens, size)
    _swiglu_forward[(tokens, cdiv(size, _BLOCK))](gate_up, out, size, tile=_BLOCK)
    return out


def swiglu_backward(gradient: Tensor, gate_up: Tensor) -> None:
    """Replace `gate_up` by its gradient, and the output's `gradient` by that output.

    The output is needed just then, and neither input ever again: no memory is taken for more.
    """
    tokens, size = gradient.shape
    if not gate_up.is_cuda:
        output = swiglu(gate_up)
        gate, up = (half.float() for half in gate_up.chunk(2, dim=1))
        share = torch.sigmoid(gate)
        slope = share * (1 + gate * (1 - share))
        wide = gradient.float()
        gate_up.copy_(torch.cat((wide * up * slope, wide * gate * share), dim=1))
        gradient.copy_(output)
        return
    _swiglu_backward[(tokens, cdiv(size, _BLOCK))](gradient, gate_up, size, tile=_BLOCK)


@jit
def _swiglu_forward(gate_up: "Pointer", out: "Pointer", size: "Number", tile: "constexpr") -> None:
    row = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * tile + tl.arange(0, tile)
    inside = place < size
    start = gate_up + row * 2 * size
    gate = tl.load(start + place, mask=inside, other=0).to(tl.float32)
    up = tl.load(start + size + place, mask=inside, other=0).to(tl.float32)
    kind = out.dtype.element_ty
    active = (gate * tl.sigmoid(gate)).to(kind).to(tl.float32)  # rounded as torch rounds
    tl.store(out + row * size + place, (active * up).to(kind), mask=inside)


@jit
def _swiglu_backward(
    gradient: "Pointer", gate_up: "Pointer", size: "Number", tile: "constexpr"
) -> None:
    row = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * tile + tl.arange(0, tile)
    inside = place < size
    start = gate_up + row * 2 * size
    gate = tl.load(start + place, mask=inside, other=0).to(tl.float32)
    up = tl.load(start + size + place, mask=inside, other=0).to(tl.float32)
    wide = tl.load(gradient + row * size + place, mask=inside, other=0).to(tl.float32)
    share = tl.sigmoid(gate)
    slope = share * (1 + gate * (1 - share))
    kind = gradient.dtype.element_ty
    active = (gate * share).to(kind).to(tl.float32)
    tl.store(start + place, (wide * up * slope).to(kind), mask=inside)
    tl.store(start + size + place, (wide * gate * share).to(kind), mask=inside)
    tl.store(gradient + row * size + place, (active * up).to(kind), mask=inside)
