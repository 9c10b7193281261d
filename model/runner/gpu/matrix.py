"""An NF4 projection in tiles: unpacked for prompts, read as it is by a decode step."""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from bitsandbytes.nn.modules import Linear4bit
from torch import Tensor
from torch.nn import functional as F

from model.runner.gpu.compiler import compiled
from model.runner.gpu.tiles import BLOCK, TILE, Tiles, tile
from model.runner.weights import matrix_shape, quant_state, scales

_WARPS = 8  # of kernels/unpack.cu's blocks


class Unpacker:
    """Unpacks matrices into one buffer that all of them share."""

    def __init__(self, folder: Path) -> None:
        self._kernel = compiled("unpack", "unpack", folder)
        self._buffer: Tensor | None = None

    def dense(self, matrix: Tiles) -> Tensor:
        """The matrix in bfloat16, outputs in their own order; valid until the next call."""
        size = matrix.outputs * matrix.inputs
        if self._buffer is None or len(self._buffer) < size:
            self._buffer = torch.empty(size, dtype=torch.bfloat16, device=matrix.weights.device)
        tiles, blocks = matrix.weights.shape[:2]
        pointers = (matrix.weights, matrix.scales, matrix.code, matrix.order)
        self._kernel.launch(
            (-(-tiles * blocks // _WARPS),),
            _WARPS * 32,
            *(ctypes.c_void_p(tensor.data_ptr()) for tensor in pointers),
            ctypes.c_float(matrix.unit),
            ctypes.c_int(blocks),
            ctypes.c_int(tiles),
            ctypes.c_void_p(self._buffer.data_ptr()),
        )
        return self._buffer[:size].view(matrix.outputs, matrix.inputs)


class TiledProjection:
    """A projection (`model.runner.weights.Projection`) over an NF4 matrix in tiles."""

    def __init__(self, matrix: Tiles, bias: Tensor | None, unpacker: Unpacker) -> None:
        self.matrix = matrix
        self.bias = bias
        self._unpacker = unpacker

    def __call__(self, x: Tensor) -> Tensor:
        """From (tokens, in) to (tokens, out), in bfloat16."""
        return F.linear(x, self._unpacker.dense(self.matrix), self.bias)


def fits(layers: Sequence[Linear4bit]) -> bool:
    """Whether 4-bit layers can be tiled: NF4 in blocks of 64, and whole tiles."""
    for layer in layers:
        state = quant_state(layer)
        outputs, inputs = matrix_shape(state)
        if state.blocksize != BLOCK or state.quant_type != "nf4":
            return False
        if outputs % TILE or inputs % BLOCK:
            return False
    return True


def tiled(layers: Sequence[Linear4bit], order: Tensor, unpacker: Unpacker) -> TiledProjection:
    """Join 4-bit layers with the same input, and free their weights.

    `order` (out,) says which of the joined outputs stands at which place.
    """
    codes: list[Tensor] = []
    factors: list[Tensor] = []
    for layer in layers:
        state = quant_state(layer)
        outputs, inputs = matrix_shape(state)
        packed = layer.weight.data.view(outputs, inputs // 2)
        codes.append(torch.stack([packed >> 4, packed & 15], dim=-1).view(outputs, inputs))
        factors.append(scales(state).view(outputs, inputs // BLOCK))
    code = cast("Tensor", quant_state(layers[0]).code)
    matrix = tile(torch.cat(codes), torch.cat(factors), code, order.to(factors[0].device))
    for layer in layers:
        layer.weight.data = torch.empty(0, dtype=torch.uint8, device=matrix.weights.device)
    biases = [cast("Tensor | None", layer.bias) for layer in layers]
    return TiledProjection(matrix, _joined(biases, [len(each) for each in factors]), unpacker)


def _joined(biases: Sequence[Tensor | None], outs: Sequence[int]) -> Tensor | None:
    """The biases of joined linears, zeros where one has none; None where none has one."""
    held = next((bias for bias in biases if bias is not None), None)
    if held is None:
        return None
    parts = [
        held.new_zeros(out) if bias is None else bias
        for bias, out in zip(biases, outs, strict=True)
    ]
    return torch.cat(parts).detach().bfloat16()


def rotary_order(heads: int, head_dim: int) -> Tensor:
    """Places of q, k and v: a tile holds eight dims of a head and those they rotate with."""
    each = torch.arange(heads * head_dim).view(heads, 2, head_dim // TILE, TILE // 2)
    return each.transpose(1, 2).reshape(-1)


def paired_order(inner: int) -> Tensor:
    """Places of gate and up: a tile holds eight gates and the ups beside them."""
    each = torch.arange(2 * inner).view(2, inner // (TILE // 2), TILE // 2)
    return each.transpose(0, 1).reshape(-1)
