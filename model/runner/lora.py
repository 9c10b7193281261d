"""Several LoRA adapters in one batch: each row uses its own adapter, base rows use none.

The A matrices of all adapters are stacked for each projection, so one product computes x·A for
all rows and adapters. Zero then takes the place of what does not belong to a row's own adapter
(selected, not multiplied: a NaN of one row stays its own), and one product with the stacked B adds
the rest. Batching rows of different adapters is the idea
of Punica (arXiv:2310.18547) and S-LoRA (arXiv:2311.03285).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.engine.api import AdapterCard
from model.loading.adapters import Adapter

# The linears that read the same input, in the order of their outputs.
GROUPS = (("q_proj", "k_proj", "v_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj",))


@dataclass(frozen=True, slots=True)
class LoraMask:
    """Which adapter each token of a step uses.

    `rows` (bool) has the shape (tokens, adapters) and is True at the token's own adapter alone, so
    a base row adds exactly zero. It is None where the only adapter answers all tokens.
    """

    rows: Tensor | None


@dataclass(frozen=True, slots=True)
class LoraPart:
    """One adapter's weights for a joined projection (such as q, k and v: three linears).

    `a` has the shape (in, linears, rank). `b` has the shape (linears, rank, out), where `out` is
    the sum of the linears' outputs: it is block-diagonal and already multiplied by the scaling.
    """

    a: Tensor
    b: Tensor


# By layer and by group; None where the adapter changes nothing.
LoraParts = list[list[LoraPart | None]]


class LoraStack:
    """All adapters' weights for one joined projection, padded with zeros to the largest rank.

    `parts` has one entry for each adapter, None where it does not change this projection; at
    least one is not None.
    """

    def __init__(self, parts: Sequence[LoraPart | None]) -> None:
        held = [part for part in parts if part is not None]
        inputs, linears, _ = held[0].a.shape
        self._ranks = [0 if part is None else part.a.shape[2] for part in parts]
        rank, adapters = max(self._ranks), len(parts)
        a = held[0].a.new_zeros(inputs, adapters, linears, rank)
        b = held[0].b.new_zeros(adapters, linears, rank, held[0].b.shape[2])
        for i, part in enumerate(parts):
            if part is not None:
                a[:, i, :, : self._ranks[i]] = part.a
                b[i, :, : self._ranks[i]] = part.b
        self._parts_a, self._parts_b = a, b
        self._a, self._b = a.view(inputs, -1), b.view(-1, b.shape[3])
        self._adapters = adapters

    def add_to(self, y: Tensor, x: Tensor, mask: LoraMask) -> Tensor:
        """Return `y` (tokens, out) plus each token's own adapter applied to `x` (tokens, in)."""
        low = x @ self._a
        if mask.rows is not None:
            by_adapter = low.view(len(x), self._adapters, -1)
            low = torch.where(mask.rows[:, :, None], by_adapter, 0).view(len(x), -1)
        return torch.addmm(y, low, self._b)

    def part(self, adapter: int) -> LoraPart | None:
        """Adapter number `adapter`'s weights as views into the stack; None where it has none."""
        rank = self._ranks[adapter]
        if rank == 0:
            return None
        return LoraPart(self._parts_a[:, adapter, :, :rank], self._parts_b[adapter, :, :rank])


class LoraAdapters:
    """The loaded adapters, stacked for every layer and projection.

    `shapes` gives (out, in) of each linear. Adding or removing an adapter builds new stacks from
    the old ones, so that no adapter is in memory twice afterwards.
    """

    def __init__(
        self,
        adapters: Sequence[Adapter],
        shapes: dict[str, tuple[int, int]],
        layers: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._shapes, self._layers = shapes, layers
        self._dtype, self._device = dtype, device
        self._index: dict[AdapterCard, int] = {}
        self.stacks: list[list[LoraStack | None]] = []
        self._join({adapter.card: self.split(adapter) for adapter in adapters})

    @property
    def cards(self) -> tuple[AdapterCard, ...]:
        """The adapters in the stacks, in their order."""
        return tuple(self._index)

    def split(self, adapter: Adapter) -> LoraParts:
        """An adapter's weights as `add` takes them, on this device. Any thread may call this."""
        return [
            [self._part(adapter, layer, group) for group in GROUPS] for layer in range(self._layers)
        ]

    def add(self, card: AdapterCard, parts: LoraParts) -> None:
        """Add an adapter to the stacks; after an error nothing has changed."""
        self._join({**self._held(), card: parts})

    def remove(self, card: AdapterCard) -> None:
        """Remove an adapter from the stacks and free its memory."""
        held = self._held()
        del held[card]
        self._join(held)

    def mask(
        self, adapters: Sequence[AdapterCard | None], counts: Sequence[int]
    ) -> LoraMask | None:
        """The mask of a batch whose row i has `adapters[i]` and `counts[i]` tokens.

        None when all rows are base rows.
        """
        chosen = [None if card is None else self._index[card] for card in adapters]
        if all(index is None for index in chosen):
            return None
        if len(self._index) == 1 and all(index is not None for index in chosen):
            return LoraMask(None)
        rows = torch.zeros(len(chosen), len(self._index), dtype=torch.bool, device=self._device)
        for row, index in enumerate(chosen):
            if index is not None:
                rows[row, index] = True
        repeats = torch.tensor(counts, device=self._device)
        return LoraMask(rows.repeat_interleave(repeats, dim=0))

    def _held(self) -> dict[AdapterCard, LoraParts]:
        return {
            card: [[stack and stack.part(i) for stack in layer] for layer in self.stacks]
            for card, i in self._index.items()
        }

    def _join(self, held: dict[AdapterCard, LoraParts]) -> None:
        stacks = [
            [
                _stack([parts[layer][group] for parts in held.values()])
                for group in range(len(GROUPS))
            ]
            for layer in range(self._layers)
        ]
        self.stacks = stacks
        self._index = {card: i for i, card in enumerate(held)}

    def _part(self, adapter: Adapter, layer: int, group: Sequence[str]) -> LoraPart | None:
        pairs = {
            j: adapter.pairs[layer, linear]
            for j, linear in enumerate(group)
            if (layer, linear) in adapter.pairs
        }
        if not pairs:
            return None
        outs = [self._shapes[linear][0] for linear in group]
        rank = max(len(pair.a) for pair in pairs.values())
        a = torch.zeros(self._shapes[group[0]][1], len(group), rank)
        b = torch.zeros(len(group), rank, sum(outs))
        for j, pair in pairs.items():
            left, r = sum(outs[:j]), len(pair.a)
            a[:, j, :r] = pair.a.t()
            b[j, :r, left : left + outs[j]] = (pair.b * pair.scaling).t()
        return LoraPart(a.to(self._device, self._dtype), b.to(self._device, self._dtype))


def _stack(parts: Sequence[LoraPart | None]) -> LoraStack | None:
    return None if all(part is None for part in parts) else LoraStack(parts)
