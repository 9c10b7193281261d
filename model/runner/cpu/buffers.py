"""What one step reads and writes, and the record that tells the compiled step where it lies."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from model.engine.api import AdapterCard
from model.engine.batch import BatchRow
from model.runner.cpu.adapters import PackedAdapters
from model.runner.cpu.packing import BLOCK, TILE, PackedMatrix
from model.runner.cpu.records import MATRIX, STEP
from model.runner.lora import LoraAdapters
from model.runner.weights import Weights

_KEYS = 16  # scores are computed in groups of up to as many


class StepBuffers:
    """The cache of shape (layers, slots, 2·kv_heads, head_dim) in float16, and all else of a step.

    `address` is that of the record. It holds while this object lives.
    """

    def __init__(
        self, weights: Weights, matrices: Sequence[PackedMatrix], cache_tokens: int, threads: int
    ) -> None:
        self._weights, self._matrices = weights, matrices
        layers, heads = len(weights.layers), (2 * weights.kv_heads, weights.head_dim)
        # Scores of a row's last keys read a few slots further.
        slots = torch.zeros(layers * cache_tokens + _KEYS, *heads, dtype=torch.float16)
        self.cache = slots[: layers * cache_tokens].view(layers, cache_tokens, *heads)
        norms = [norm for layer in weights.layers for norm in (layer.input_norm, layer.post_norm)]
        scores = torch.empty(threads, len(weights.cos) + _KEYS)
        table = matrices[0].levels.repeat(4)
        self._record = np.zeros(1, STEP)
        self._records = np.array([_record(matrix) for matrix in matrices], MATRIX)
        self._held: dict[str, Tensor] = {}
        self._inter = matrices[3].blocks * BLOCK
        self._hidden = matrices[0].blocks * BLOCK
        self._set(
            eps=weights.eps, layers=layers, hidden=self._hidden, inter=self._inter,
            heads=weights.heads, kv_heads=weights.kv_heads, head_dim=weights.head_dim,
            slots=cache_tokens, scores_stride=scores.stride(0) * 4,
            matrices=self._records.ctypes.data,
        )  # fmt: skip
        self._hold(
            cache=slots, norms=torch.stack(norms), final_norm=weights.norm, table=table,
            cos=weights.cos, sin=weights.sin, scores=scores,
        )  # fmt: skip
        self._room = 0
        self._stacks: object = None
        self._adapters: PackedAdapters | None = None
        self._numbers: dict[AdapterCard, int] = {}

    @property
    def address(self) -> int:
        """Where the step's record lies."""
        return self._record.ctypes.data

    def follow(self, adapters: LoraAdapters) -> Mapping[AdapterCard, int]:
        """Take over adapters that came or went; return each one's number."""
        if self._stacks is not adapters.stacks:
            weights = self._weights
            queries = weights.heads * weights.head_dim
            keys = queries + weights.kv_heads * weights.head_dim
            widths = [matrix.tiles * TILE for matrix in self._matrices[:4]]
            ends = [(keys_or_all, keys_or_all) for keys_or_all in widths]
            edges = [(queries, keys), ends[1], (self._inter, widths[2]), ends[3]]
            self._adapters = PackedAdapters(adapters, edges, widths)
            self._numbers = {card: i for i, card in enumerate(adapters.cards)}
            self._set(low_ranks=self._adapters.records.ctypes.data)
            self._stacks, self._room = adapters.stacks, 0
        return self._numbers

    def fill(self, rows: Sequence[tuple[BatchRow, int]]) -> Tensor:
        """Put a batch, each row with its adapter's number or -1, in place for the step.

        Returns the tensor (sampling rows, vocab) that the step writes its logits to.
        """
        ids: list[int] = []
        tokens: list[tuple[int, int, int, int]] = []  # position, slot, its row's first, adapter
        pick: list[int] = []
        for item, adapter in rows:
            start = item.cache_start
            places = range(item.position, item.end)
            ids += item.input_ids
            tokens += [(place, start + place, start, adapter) for place in places]
            if item.samples:
                pick.append(len(ids) - 1)
        self._grow(len(ids))
        position, slot, row_start, adapters = torch.tensor(tokens).t().contiguous()
        x = F.embedding(torch.tensor(ids), self._weights.embedding).float()
        logits = torch.empty(len(pick), self._matrices[-1].tiles * TILE)
        adapted = any(adapter >= 0 for _, adapter in rows)
        self._set(tokens=len(ids), picked=len(pick), adapted=int(adapted))
        self._hold(
            position=position, slot=slot, row_start=row_start, adapter=adapters,
            pick=torch.tensor(pick, dtype=torch.int64), x=x, logits=logits,
        )  # fmt: skip
        return logits[:, : self._weights.vocab_size]

    def _grow(self, tokens: int) -> None:
        if tokens <= self._room:
            return
        self._room = tokens
        widest = max(matrix.blocks for matrix in self._matrices) * BLOCK
        outputs = max(matrix.tiles for matrix in self._matrices[:-1]) * TILE
        low = max(self._adapters.largest if self._adapters else 0, 1)
        self._set(low_stride=low * 4)
        self._hold(
            y=torch.empty(tokens, outputs),
            values=torch.empty(tokens, widest),
            codes=torch.empty(tokens, widest, dtype=torch.int8),
            scales=torch.empty(tokens, widest // BLOCK),
            starts=torch.empty(tokens, widest // BLOCK, dtype=torch.int32),
            low=torch.empty(tokens, low),
        )

    def _set(self, **numbers: float) -> None:
        for name, value in numbers.items():
            self._record[name] = value

    def _hold(self, **tensors: Tensor) -> None:
        """Keep contiguous tensors and write their addresses into the record."""
        self._held |= tensors
        self._set(**{name: tensor.data_ptr() for name, tensor in tensors.items()})


def _record(matrix: PackedMatrix) -> tuple[Any, ...]:
    bias = 0 if matrix.bias is None else matrix.bias.data_ptr()
    sizes = (matrix.blocks, matrix.tiles, matrix.bits)
    return (matrix.codes.data_ptr(), matrix.scales.data_ptr(), bias, *sizes)
