"""Matrices in the order in which the kernels read them: tiles of 16 outputs × 64 inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn.modules import Linear4bit
from torch import Tensor
from torch.nn import Linear
from torch.nn import functional as F

from model.runner.cpu.isa import instructions, offset
from model.runner.weights import matrix_shape, quant_state, scales

TILE = 16
BLOCK = 64
_TOP = 127  # the largest level
_PART = 4096  # outputs that are brought to 8 bits at once


@dataclass(frozen=True, slots=True)
class PackedMatrix:
    """A joined projection in codes of 4 or 8 bits.

    `codes` (uint8) has the shape (tiles, blocks, 8, 64) with 4 bits and (tiles, blocks, 16, 64)
    with 8: 64 bytes hold 16 outputs × 4 inputs, with 4 bits those of 4 more inputs in the high
    halves. `scales` (float32) has the shape (tiles, blocks, 16). A weight is its level less
    `isa.offset`, times its scale; with 8 bits a code is its level, with 4 bits `levels` (16,) lists
    them.
    """

    codes: Tensor
    scales: Tensor
    levels: Tensor
    bias: Tensor | None
    outputs: int

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return 4 if self.codes.shape[2] == BLOCK // 8 else 8

    @property
    def tiles(self) -> int:
        """How many times 16 outputs it has."""
        return self.codes.shape[0]

    @property
    def blocks(self) -> int:
        """How many times 64 inputs it has."""
        return self.codes.shape[1]

    def __call__(self, x: Tensor) -> Tensor:
        """The product as the kernels round it, slowly: what they are measured by."""
        blocks = x.float().view(len(x), -1, BLOCK)
        scale = blocks.abs().amax(-1, keepdim=True).clamp(min=torch.finfo().tiny) / 127
        rounded = ((blocks / scale).round() * scale).flatten(1)
        bias = None if self.bias is None else self.bias[: self.outputs]
        return F.linear(rounded, self.dense(), bias).to(x.dtype)

    def dense(self) -> Tensor:
        """The matrix in float32, of shape (outputs, inputs)."""
        codes = self.codes
        if self.bits == 4:
            codes = self.levels[torch.stack([codes & 15, codes >> 4], dim=3).int()]
        first = offset(instructions())
        levels = (codes if first else codes.view(torch.int8)).float() - first
        levels = levels.reshape(self.tiles, self.blocks, BLOCK // 4, TILE, 4)
        weights = levels * self.scales[:, :, None, :, None]
        return weights.permute(0, 3, 1, 2, 4).reshape(self.tiles * TILE, -1)[: self.outputs]


def pack(layers: Sequence[Linear]) -> PackedMatrix:
    """Join layers with the same input to one matrix; outputs in their order, filled up to tiles.

    4-bit codes stay what they are where their blocks have a multiple of 64 weights. Other layers
    get 8 bits in blocks of 64. The number of inputs is a multiple of 64.
    """
    quantised = [layer for layer in layers if isinstance(layer, Linear4bit)]
    if len(quantised) == len(layers) and all(
        cast("int", quant_state(layer).blocksize) % BLOCK == 0 for layer in quantised
    ):
        codes, scale = _pack4(quantised)
        code = cast("Tensor", quant_state(quantised[0]).code)
    else:
        codes, scale = _pack8([_dense(layer) for layer in layers])
        code = torch.zeros(16)
    first = offset(instructions())
    return PackedMatrix(
        codes=codes,
        scales=scale,
        levels=((code.float() * _TOP).round() + first).remainder(256).to(torch.uint8),
        bias=_bias(layers),
        outputs=sum(layer.out_features for layer in layers),
    )


def _dense(layer: Linear) -> Tensor:
    weight = layer.weight.data
    if isinstance(layer, Linear4bit):
        return dequantize_4bit(weight, quant_state(layer))
    return weight


def _bias(layers: Sequence[Linear]) -> Tensor | None:
    biases = [cast("Tensor | None", layer.bias) for layer in layers]
    if all(bias is None for bias in biases):
        return None
    whole = [
        torch.zeros(layer.out_features) if bias is None else bias.detach().float()
        for layer, bias in zip(layers, biases, strict=True)
    ]
    return _fill(torch.cat(whole))


def _pack4(layers: Sequence[Linear4bit]) -> tuple[Tensor, Tensor]:
    codes, found = [], []
    for layer in layers:
        state = quant_state(layer)
        rows, columns = matrix_shape(state)
        packed = layer.weight.data.reshape(-1)
        codes.append(torch.stack([packed >> 4, packed & 15], dim=-1).view(rows, columns))
        repeats = cast("int", state.blocksize) // BLOCK
        found.append(scales(state).repeat_interleave(repeats).view(rows, -1))
    ordered = _tiled(_fill(torch.cat(codes)))
    pairs = ordered.view(*ordered.shape[:2], BLOCK // 8, 2, BLOCK)
    low, high = pairs.unbind(3)
    return (low | (high << 4)).contiguous(), _tiled_scales(_fill(torch.cat(found) / _TOP))


def _pack8(layers: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    first = offset(instructions())
    codes, found = [], []
    for part in (part for layer in layers for part in layer.split(_PART)):
        blocks = part.float().view(len(part), -1, BLOCK)
        scale = (blocks.abs().amax(-1) / _TOP).clamp(min=torch.finfo().tiny)
        levels = (blocks / scale[..., None]).round() + first
        codes.append(levels.remainder(256).to(torch.uint8).flatten(1))
        found.append(scale)
    return _tiled(_fill(torch.cat(codes))), _tiled_scales(_fill(torch.cat(found)))


def _fill(rows: Tensor) -> Tensor:
    missing = -len(rows) % TILE
    return torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])]) if missing else rows


def _tiled(levels: Tensor) -> Tensor:
    """(outputs, inputs) to (tiles, blocks, 16, 64)."""
    outputs, inputs = levels.shape
    parts = levels.view(outputs // TILE, TILE, inputs // BLOCK, BLOCK // 4, 4)
    return parts.permute(0, 2, 3, 1, 4).reshape(outputs // TILE, inputs // BLOCK, BLOCK // 4, BLOCK)


def _tiled_scales(scale: Tensor) -> Tensor:
    """(outputs, blocks) to (tiles, blocks, 16)."""
    return scale.view(len(scale) // TILE, TILE, -1).transpose(1, 2).contiguous()
