"""Several LoRA adapters over one batch: every row its own, base rows none.

The adapters' A matrices of one projection are stacked, so one product serves all rows; what does
not belong to a row's adapter is masked before the product with the stacked B. The idea of
batching rows of different adapters is that of Punica (arXiv:2310.18547) and S-LoRA
(arXiv:2311.03285).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.adapters import Adapter

# The linears that read the same input, in the order of their outputs.
GROUPS = (("q_proj", "k_proj", "v_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj",))


@dataclass(frozen=True, slots=True)
class LoraMask:
    """Which adapter each token of a step uses: (tokens, adapters), or None where all use the one.

    The mask is what makes a base row's share exactly zero.
    """

    rows: Tensor | None


class LoraStack:
    """All adapters of one joined projection; `a` (in, adapters·rank), `b` (adapters·rank, out)."""

    def __init__(self, a: Tensor, b: Tensor, adapters: int) -> None:
        self._a, self._b, self._adapters = a, b, adapters

    def add_to(self, y: Tensor, x: Tensor, mask: LoraMask) -> Tensor:
        """`y` (tokens, out) with each token's adapter applied to `x` (tokens, in)."""
        low = x @ self._a
        if mask.rows is not None:
            low = (low.view(len(x), self._adapters, -1) * mask.rows[:, :, None]).view(len(x), -1)
        return torch.addmm(y, low, self._b)


class LoraAdapters:
    """The loaded adapters, stacked for every layer and projection."""

    def __init__(
        self,
        adapters: Sequence[Adapter],
        shapes: dict[str, tuple[int, int]],
        layers: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._index = {adapter.name: i for i, adapter in enumerate(adapters)}
        self._dtype, self._device = dtype, device
        self.stacks = [
            [_stack(adapters, layer, group, shapes, dtype, device) for group in GROUPS]
            for layer in range(layers)
        ]

    def mask(self, variants: Sequence[str], counts: Sequence[int]) -> LoraMask | None:
        """The mask for rows of these variants with so many tokens each; None when all are base."""
        chosen = [self._index.get(variant) for variant in variants]
        if all(index is None for index in chosen):
            return None
        if len(self._index) == 1 and all(index is not None for index in chosen):
            return LoraMask(None)
        rows = torch.zeros(len(chosen), len(self._index), dtype=self._dtype, device=self._device)
        for row, index in enumerate(chosen):
            if index is not None:
                rows[row, index] = 1
        repeats = torch.tensor(counts, device=self._device)
        return LoraMask(rows.repeat_interleave(repeats, dim=0))


def _stack(
    adapters: Sequence[Adapter],
    layer: int,
    group: Sequence[str],
    shapes: dict[str, tuple[int, int]],
    dtype: torch.dtype,
    device: torch.device,
) -> LoraStack | None:
    """One joined projection: B is block-diagonal, ranks are padded with zeros to the largest."""
    held = [
        adapter.pairs[layer, linear].a.shape[0]
        for adapter in adapters
        for linear in group
        if (layer, linear) in adapter.pairs
    ]
    if not held:
        return None
    rank, outs = max(held), [shapes[linear][0] for linear in group]
    width = rank * len(group)
    a = torch.zeros(len(adapters) * width, shapes[group[0]][1])
    b = torch.zeros(len(adapters) * width, sum(outs))
    for i, adapter in enumerate(adapters):
        for j, linear in enumerate(group):
            pair = adapter.pairs.get((layer, linear))
            if pair is not None:
                top, left, r = i * width + j * rank, sum(outs[:j]), pair.a.shape[0]
                a[top : top + r] = pair.a
                b[top : top + r, left : left + outs[j]] = pair.b.t()
    return LoraStack(a.t().contiguous().to(device, dtype), b.to(device, dtype), len(adapters))
