"""NF4 weights as 16-bit ones (Dettmers and others, 2023, arXiv:2305.14314), in one kernel.

bitsandbytes takes three: for the scales, for their offset and for the values.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from bitsandbytes.functional import QuantState, dequantize_4bit
from torch import Tensor

from training.train.fused.jit import Number, Pointer, cdiv, constexpr, jit, tl

_BLOCK = 64  # values that share a scale, as bitsandbytes quantises by default
_SCALES = 256  # scales that share a scale of their own
_BLOCKS_A_PROGRAM = 32


@dataclass(frozen=True, slots=True)
class QuantisedWeight:
    """A weight as bitsandbytes holds it: two 4-bit values a byte, and what they stand for."""

    packed: Tensor
    state: QuantState

    @property
    def shape(self) -> torch.Size:
        """Output features and input features."""
        return cast("torch.Size", self.state.shape)

    @property
    def supported(self) -> bool:
        """Whether the kernel can read it: NF4 with double quantisation in the default blocks."""
        state, second = self.state, cast("Any", self.state).state2
        return (
            state.quant_type == "nf4"
            and state.blocksize == _BLOCK
            and second is not None
            and second.blocksize == _SCALES
            and self.shape.numel() % _BLOCK == 0
        )


def dequantise(weight: QuantisedWeight, out: Tensor) -> None:
    """Write a weight's values to `out`, a contiguous tensor of its shape."""
    if not out.is_cuda:
        out.copy_(dequantize_4bit(weight.packed, weight.state))
        return
    state, second = cast("Any", weight.state), cast("Any", weight.state).state2
    blocks = out.numel() // _BLOCK
    _dequantise[(cdiv(blocks, _BLOCKS_A_PROGRAM),)](
        weight.packed, state.absmax, second.code, second.absmax, state.offset, state.code, out,
        blocks, half=_BLOCK // 2, scales=_SCALES, tile=_BLOCKS_A_PROGRAM,
    )  # fmt: skip


@jit
def _dequantise(
    packed: "Pointer",
    scale_codes: "Pointer",
    scale_table: "Pointer",
    scale_scales: "Pointer",
    offset: "Pointer",
    table: "Pointer",
    out: "Pointer",
    blocks: "Number",
    half: "constexpr",
    scales: "constexpr",
    tile: "constexpr",
) -> None:
    block = tl.program_id(0).to(tl.int64) * tile + tl.arange(0, tile)
    there = block < blocks
    code = tl.load(scale_codes + block, mask=there, other=0).to(tl.int32)
    scale = tl.load(scale_table + code) * tl.load(scale_scales + block // scales, mask=there)
    scale += tl.load(offset)
    places = block[:, None] * half + tl.arange(0, half)[None, :]
    byte = tl.load(packed + places, mask=there[:, None], other=0).to(tl.int32)
    first = tl.load(table + (byte >> 4)) * scale[:, None]
    second = tl.load(table + (byte & 15)) * scale[:, None]
    values = tl.interleave(first, second).to(out.dtype.element_ty)
    places = block[:, None] * (2 * half) + tl.arange(0, 2 * half)[None, :]
    tl.store(out + places, values, mask=there[:, None])
