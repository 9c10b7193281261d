"""Runs batches on a GPU: decoding rows as a replayed CUDA graph, prompts as the plain runner."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.engine.api import AdapterCard, TokenRequest
from model.engine.engine import BatchRow
from model.runner.eager import TorchRunner
from model.runner.gpu.decode import DecodeStep
from model.runner.gpu.inputs import DecodeRow, SamplerParameters, StepInputs
from model.runner.gpu.low_rank import LowRank, low_rank
from model.runner.lora import LoraAdapters
from model.runner.weights import Weights

_ROWS = (1, 2, 4, 8, 16, 24, 32, 48, 64)  # of the graphs; a batch takes the next larger one


@dataclass(slots=True)
class _RowState:
    """A row's sampling: whose counts are its, and how many tokens it has chosen."""

    request: TokenRequest
    slot: int
    chosen: int = 0


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A step that the device computes: its rows with their positions, and where tokens arrive."""

    keys: list[tuple[str, int]]
    arriving: Tensor
    arrived: torch.cuda.Event

    @classmethod
    def begin(cls, keys: list[tuple[str, int]], tokens: Tensor, to: Tensor) -> "_Ahead":
        """Note a step that was just started, and copy its tokens to the host behind it."""
        to.copy_(tokens[: len(to)], non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        return cls(keys, to, event)

    def holds(self, keys: list[tuple[str, int]]) -> bool:
        """Whether these rows are among its rows, at the same positions."""
        return set(keys) <= set(self.keys)

    def tokens(self) -> dict[str, int]:
        """Wait for the tokens, by row."""
        self.arrived.synchronize()
        return dict(zip((id_ for id_, _ in self.keys), self.arriving.tolist(), strict=False))


class GraphRunner:
    """Implements `model.engine.engine.Runner` with kernels of its own over 4-bit weights in tiles.

    Prompts run through a `TorchRunner` over the same weights and cache.
    """

    def __init__(
        self, weights: Weights, adapters: LoraAdapters, cache_tokens: int, *, block_tokens: int,
        max_rows: int, max_context: int, folder: Path,
    ) -> None:  # fmt: skip
        # One spare block takes what the empty places of a graph write.
        self._prompts = TorchRunner(weights, adapters, cache_tokens + block_tokens)
        self._adapters, self._outs = adapters, _outputs(weights)
        width = -(-max_context // block_tokens)
        self._inputs = StepInputs(_ROWS[-1], width, cache_tokens // block_tokens, block_tokens)
        self._step = DecodeStep(
            weights, self._prompts.cache, folder, self._inputs, _ROWS[-1], block_tokens
        )
        self._block_tokens = block_tokens
        self._rows: dict[str, _RowState] = {}
        self._free = list(range(max_rows))
        self._counts = torch.zeros(
            max_rows, weights.vocab_size, dtype=torch.int16, device=weights.embedding.device
        )
        self._step.use_counts(self._counts)
        self._graphs: dict[tuple[int, bool], torch.cuda.CUDAGraph] = {}
        self._cards: tuple[AdapterCard, ...] = ()
        self._ahead: _Ahead | None = None
        self._padded, self._with_adapters, self._which = 1, False, 0
        self._host_tokens = [
            torch.zeros(_ROWS[-1], dtype=torch.int32, pin_memory=True) for _ in range(2)
        ]

    def warm_up(self) -> None:
        """Compile and capture everything a step can need, so that no row waits for it."""
        self._follow_adapters()
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._step.compile, sorted({-(-rows // 8) for rows in _ROWS})))
        for rows in _ROWS:
            for adapters in {False, bool(self._cards)}:
                self._graph(rows, adapters=adapters)

    def begin(self, request: TokenRequest) -> None:
        """Prepare the sampling state of a new row."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        self._counts[slot].zero_()
        if request.params.repetition_penalty != 1.0:
            seen = torch.tensor(sorted(set(request.input_ids)), device=self._counts.device)
            self._counts[slot, seen] = -(2**15)  # the top bit: in the prompt
        self._rows[request.id] = _RowState(request, slot)

    def end(self, request_id: str) -> None:
        """Forget a row; an unknown id is ignored."""
        if (state := self._rows.pop(request_id, None)) is not None:
            self._free.append(state.slot)

    def remove_adapter(self, card: AdapterCard) -> None:
        """Free an adapter's weights; no later batch may name it."""
        self._adapters.remove(card)

    @torch.inference_mode()
    def run(self, batch: list[BatchRow]) -> dict[str, int]:
        """Run one forward pass; return the sampled token of every row with `samples`, by id."""
        self._follow_adapters()
        decoding = [row for row in batch if row.samples and len(row.input_ids) == 1]
        prompts = [row for row in batch if not (row.samples and len(row.input_ids) == 1)]
        tokens: dict[str, int] = {}
        alone = not prompts and len(decoding) <= _ROWS[-1]
        for begin in range(0, len(decoding), _ROWS[-1]):
            tokens |= self._decode(decoding[begin : begin + _ROWS[-1]], alone=alone)
        if prompts:
            tokens |= self._read(prompts)
        return tokens

    def _decode(self, batch: list[BatchRow], *, alone: bool) -> dict[str, int]:
        """The tokens of decoding rows; with `alone`, begins their next step before it waits.

        A row that ends with this step has then begun one step too many: what that writes lies
        within the row's own blocks, and nobody reads it.
        """
        ahead, self._ahead = self._ahead, None
        keys = [(row.id, row.position) for row in batch]
        if ahead is None or not ahead.holds(keys):
            self._write(batch, None)
            ahead = self._start(keys)
        if alone and ahead.keys == keys:
            self._ahead = self._start([(id_, position + 1) for id_, position in keys])
        tokens = ahead.tokens()
        chosen = {row.id: tokens[row.id] for row in batch}
        for row in batch:
            self._rows[row.id].chosen += 1
        if alone and self._ahead is None:
            self._write(batch, chosen)
            self._ahead = self._start([(id_, position + 1) for id_, position in keys])
        return chosen

    def _write(self, batch: list[BatchRow], chosen: dict[str, int] | None) -> None:
        """Tell the device about the rows: as they are, or a step later with these tokens."""
        rows = [self._decode_row(row, chosen) for row in batch]
        self._padded = next(count for count in _ROWS if count >= len(batch))
        self._with_adapters = any(row.adapter >= 0 for row in rows)
        self._inputs.write(rows, self._padded)

    def _start(self, keys: list[tuple[str, int]]) -> "_Ahead":
        self._graph(self._padded, adapters=self._with_adapters).replay()
        self._which = 1 - self._which
        return _Ahead.begin(keys, self._step.tokens, self._host_tokens[self._which])

    def _read(self, batch: list[BatchRow]) -> dict[str, int]:
        logits = self._prompts.forward(batch)
        sampling = [row for row in batch if row.samples]
        if not sampling:
            return {}
        raw = b"".join(bytes(self._sampling(row.id)) for row in sampling)
        parameters = torch.frombuffer(bytearray(raw), dtype=torch.uint8).cuda()
        nowhere = torch.zeros(len(sampling), dtype=torch.int64, device="cuda")
        self._step.sample(logits.contiguous(), parameters, nowhere)
        return self._chosen(sampling)

    def _chosen(self, batch: list[BatchRow]) -> dict[str, int]:
        tokens: list[int] = self._step.tokens[: len(batch)].tolist()
        for row in batch:
            self._rows[row.id].chosen += 1
        return {row.id: token for row, token in zip(batch, tokens, strict=True)}

    def _sampling(self, request_id: str) -> SamplerParameters:
        state = self._rows[request_id]
        return SamplerParameters.of(state.request.params, state.slot, state.chosen)

    def _decode_row(self, row: BatchRow, chosen: dict[str, int] | None) -> DecodeRow:
        position = row.position if chosen is None else row.position + 1
        return DecodeRow(
            token=row.input_ids[0] if chosen is None else chosen[row.id],
            position=position,
            slot=row.cache_start + position,
            block=row.cache_start // self._block_tokens,
            adapter=-1 if row.adapter is None else self._cards.index(row.adapter),
            sampling=self._sampling(row.id),
        )

    def _graph(self, rows: int, *, adapters: bool) -> torch.cuda.CUDAGraph:
        key = (rows, adapters)
        if key not in self._graphs:
            # cuBLAS makes its workspace at its first product, which no graph can hold.
            self._inputs.write([], rows)
            self._step.launch(rows, adapters=adapters)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._step.launch(rows, adapters=adapters)
            self._graphs[key] = graph
        return self._graphs[key]

    def _follow_adapters(self) -> None:
        cards = self._adapters.cards
        if cards == self._cards:
            return
        low: list[list[LowRank | None]] | None = None
        if cards:
            low = [
                [
                    None if stack is None else low_rank(stack, len(cards), matrix, outs)
                    for stack, matrix, outs in zip(layer, matrices, self._outs, strict=True)
                ]
                for layer, matrices in zip(self._adapters.stacks, self._step.matrices, strict=True)
            ]
        self._step.use_adapters(low)
        self._graphs = {key: graph for key, graph in self._graphs.items() if not key[1]}
        self._cards = cards

    def _grow(self) -> None:
        held = len(self._counts)
        self._counts = torch.cat([self._counts, torch.zeros_like(self._counts)])
        self._free = list(range(held, 2 * held))
        self._step.use_counts(self._counts)
        self._graphs.clear()


def _outputs(weights: Weights) -> list[list[int]]:
    """The outputs of each linear of a layer's four joined projections."""
    kv = weights.kv_heads * weights.head_dim
    hidden, inner = weights.embedding.shape[1], weights.inner
    return [[weights.heads * weights.head_dim, kv, kv], [hidden], [inner, inner], [hidden]]
