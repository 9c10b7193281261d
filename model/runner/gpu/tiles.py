"""The layouts in which the GPU's kernels read 4-bit weights, adapters and activations.

All follow the operands of `mma.m16n8k16` (PTX ISA, "Matrix fragments for mma.m16n8k16"): a lane
(g, q) = (lane // 4, lane % 4) holds, of a 16 × 16 operand A, the pairs (row g; inputs 2q, 2q + 1),
(row g + 8; the same), (row g; 2q + 8, + 9) and (row g + 8; the same), one 32-bit word each.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

TILE = 16  # outputs
BLOCK = 64  # inputs, which is also bitsandbytes' block of one scale
COLUMN = 8  # rows of a batch


@dataclass(frozen=True, slots=True)
class Tiles:
    """An NF4 matrix (out, in) in tiles of 16 outputs × 64 inputs.

    `weights` has the shape (tiles, blocks, 32 lanes, 16 bytes), one byte for two inputs. `scales`
    has (tiles, blocks, 8, 2) in float16: those of outputs g and g + 8, in units of `unit`. `order`
    (out,) is the output that stands at each place; `code` (16,) are NF4's values.
    """

    weights: Tensor
    scales: Tensor
    order: Tensor
    code: Tensor
    unit: float

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.order)

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.weights.shape[1] * BLOCK


def tile(codes: Tensor, scales: Tensor, code: Tensor, order: Tensor) -> Tiles:
    """Bring 4-bit codes (out, in) of uint8 and scales (out, in / 64) of float32 into tiles.

    `order` says which output stands at which place; `out` must be a multiple of 16, `in` of 64.
    """
    outputs, inputs = codes.shape
    count, blocks = outputs // TILE, inputs // BLOCK
    parts = codes[order].view(count, 2, 8, blocks, 4, 2, 4, 2)  # half row g block step word q pair
    parts = parts.permute(0, 3, 2, 6, 4, 5, 1, 7)
    weights = (parts[..., 0] | parts[..., 1] << 4).reshape(count, blocks, 32, 16)
    largest = float(scales.max())
    unit = 2.0 ** (math.ceil(math.log2(largest)) - 10) if largest > 0 else 1.0
    halves = (scales[order] / unit).half().view(count, 2, 8, blocks).permute(0, 3, 2, 1)
    return Tiles(
        weights=weights.contiguous(),
        scales=halves.contiguous(),
        order=order.to(torch.int32),
        code=code.float(),
        unit=unit,
    )


def operand_a(matrix: Tensor) -> Tensor:
    """A dense matrix (rows, inputs), multiples of 16, as operands A in bfloat16.

    The result has the shape (rows / 16, inputs / 16, 32 lanes, 8).
    """
    rows, inputs = matrix.shape
    parts = matrix.bfloat16().view(rows // 16, 2, 8, inputs // 16, 2, 4, 2)
    return parts.permute(0, 3, 2, 5, 4, 1, 6).reshape(rows // 16, inputs // 16, 32, 8).contiguous()


def operand_x(x: Tensor, columns: int) -> Tensor:
    """Activations (rows, inputs) as the products read them, in bfloat16, filled up with zeros.

    The result has the shape (inputs / 64, columns, 2, 32 lanes, 8).
    """
    rows, inputs = x.shape
    full = x.new_zeros(columns * COLUMN, inputs, dtype=torch.bfloat16)
    full[:rows] = x
    parts = full.view(columns, 8, inputs // BLOCK, 2, 2, 2, 4, 2)  # g block half step word q pair
    parts = parts.permute(2, 0, 3, 1, 6, 4, 5, 7)
    return parts.reshape(inputs // BLOCK, columns, 2, 32, 8).contiguous()


def from_operand_x(x: Tensor) -> Tensor:
    """What `operand_x` made, as (columns · 8, inputs) again."""
    blocks, columns = x.shape[:2]
    parts = x.view(blocks, columns, 2, 8, 4, 2, 2, 2)  # half g q step word pair
    return parts.permute(1, 3, 0, 2, 5, 6, 4, 7).reshape(columns * COLUMN, blocks * BLOCK)
