"""All adapters' weights as a decode step reads them: ranks in steps of 16, outputs in tiles."""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.runner.gpu.tiles import TILE, Tiles, operand_a
from model.runner.lora import LoraStack


@dataclass(frozen=True, slots=True)
class LowRank:
    """The adapters of one joined projection.

    Their ranks stand in the order (linear, adapter, rank), filled up with zeros to whole steps of
    16. `a` has the shape (steps, inputs / 16, 32, 8), `b` (tiles, steps, 32, 8), both bfloat16;
    `ranges` (tiles, 2) are the steps that a tile's outputs need; `owner` (steps,) is the number of
    the adapter whose ranks a step holds.
    """

    a: Tensor
    b: Tensor
    ranges: Tensor
    owner: Tensor

    @property
    def steps(self) -> int:
        """How many times 16 ranks there are."""
        return len(self.owner)


def low_rank(stack: LoraStack, adapters: int, matrix: Tiles, outs: list[int]) -> LowRank:
    """Bring the stacked adapters of a projection, whose linears have `outs` outputs, into steps."""
    parts = [stack.part(i) for i in range(adapters)]
    rank = max(part.a.shape[2] for part in parts if part is not None)
    padded = -(-rank // TILE) * TILE
    held = next(part for part in parts if part is not None)
    linears = len(outs)
    a = held.a.new_zeros(linears, adapters, padded, matrix.inputs)
    b = held.b.new_zeros(linears, adapters, padded, matrix.outputs)
    for i, part in enumerate(parts):
        if part is not None:
            a[:, i, : part.a.shape[2]] = part.a.permute(1, 2, 0)
            b[:, i, : part.b.shape[1]] = part.b
    steps = adapters * padded // TILE
    order = matrix.order.long()
    edges = torch.tensor(outs, device=order.device).cumsum(0)
    linear = torch.bucketize(order, edges, right=True).view(-1, TILE)
    ranges = torch.stack([linear.amin(1) * steps, (linear.amax(1) + 1) * steps], dim=1)
    owner = torch.arange(adapters).repeat_interleave(padded // TILE).repeat(linears)
    return LowRank(
        a=operand_a(a.view(-1, matrix.inputs)),
        b=operand_a(b.view(-1, matrix.outputs).t()[order]),
        ranges=ranges.to(torch.int32).contiguous(),
        owner=owner.to(device=order.device, dtype=torch.int32),
    )
