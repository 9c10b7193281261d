"""Decode steps as CUDA graphs, captured once for each size and replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.engine.api import TokenRequest
from model.runner.gpu.decode import DecodeStep
from model.runner.gpu.inputs import DecodeRow, SamplerParameters, StepInputs
from model.runner.gpu.kernel_set import ROWS, KernelSet
from model.runner.gpu.low_rank import low_rank
from model.runner.lora import LoraAdapters
from model.runner.weights import Weights

_SEEN = -(2**15)  # the top bit of a count: the token is in the prompt


@dataclass(frozen=True, slots=True)
class _CapturedStep:
    graph: torch.cuda.CUDAGraph
    logits: Tensor


@dataclass(frozen=True, slots=True)
class _Arriving:
    """A step's tokens on their way to the host, and its logits, which the next step overwrites."""

    to: Tensor
    arrived: torch.cuda.Event
    computed: Tensor

    def tokens(self) -> list[int]:
        self.arrived.synchronize()
        return self.to.tolist()

    def logits(self, place: int) -> Tensor:
        return self.computed[place].cpu()


class GraphSteps:
    """Computes decode steps of up to `ROWS[-1]` rows (`model.runner.gpu.ahead.StepDevice`).

    `cache` is the prompts' runner's. Its last block belongs to no row: the places of a graph that
    stay empty write there. `slots` is how many rows can have counts of their tokens.
    """

    def __init__(
        self, weights: Weights, cache: Tensor, folder: Path, *, block_tokens: int, slots: int,
        max_context: int,
    ) -> None:  # fmt: skip
        self._device = weights.embedding.device
        kernels = KernelSet(
            folder,
            head_dim=weights.head_dim,
            group=weights.heads // weights.kv_heads,
            block_tokens=block_tokens,
            vocabulary=weights.vocab_size,
            cache_bytes=cache.element_size(),
        )
        spare_block = cache.shape[1] // block_tokens - 1
        width = -(-max_context // block_tokens)
        self._inputs = StepInputs(ROWS[-1], width, spare_block, block_tokens, self._device)
        self._counts = torch.zeros(
            slots, weights.vocab_size, dtype=torch.int16, device=self._device
        )
        self.step = DecodeStep(weights, cache, kernels, self._inputs, self._counts, ROWS[-1])
        self._outs = _outputs(weights, inner=self.step.matrices[0][3].inputs)
        self._graphs: dict[tuple[int, bool], _CapturedStep] = {}
        # Two, as a step may begin before the tokens of the one before it were read.
        self._host_tokens = [
            torch.zeros(ROWS[-1], dtype=torch.int32, pin_memory=True) for _ in range(2)
        ]
        self._next: _CapturedStep | None = None

    def warm_up(self, *, adapters: bool) -> None:
        """Capture the steps of all sizes, those with adapters too where there are any."""
        for rows in ROWS:
            for with_adapters in {False, adapters}:
                self.graph(rows, adapters=with_adapters)

    def write(self, rows: Sequence[DecodeRow]) -> None:
        """Say what the next step's places hold."""
        padded = next(count for count in ROWS if count >= len(rows))
        # First of all: a graph that is not there yet is captured, which overwrites the inputs.
        self._next = self.graph(padded, adapters=any(row.adapter >= 0 for row in rows))
        self._inputs.write(rows, padded)

    def start(self) -> _Arriving:
        """Start a step with the places as written, or as the step before has left them."""
        if self._next is None:
            raise RuntimeError("a decode step was started before its rows were written")
        self._next.graph.replay()
        to = self._host_tokens.pop(0)
        self._host_tokens.append(to)
        to.copy_(self.step.tokens, non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        return _Arriving(to, event, self._next.logits)

    def sample(self, logits: Tensor, parameters: Sequence[SamplerParameters]) -> list[int]:
        """Choose tokens from float32 logits (rows, vocab); negative where there is none."""
        tokens: list[int] = []
        for first in range(0, len(parameters), ROWS[-1]):
            raw = bytearray(b"".join(map(bytes, parameters[first : first + ROWS[-1]])))
            device = torch.frombuffer(raw, dtype=torch.uint8).to(self._device)
            part = logits[first : first + ROWS[-1]].contiguous()
            nowhere = torch.zeros(len(part), dtype=torch.int64, device=self._device)
            self.step.sample(part, device, nowhere)
            tokens += self.step.tokens[: len(part)].tolist()
        return tokens

    def open(self, slot: int, request: TokenRequest) -> None:
        """Begin counting a new row's tokens in `slot`."""
        self._counts[slot].zero_()
        if request.params.repetition_penalty != 1.0:
            seen = torch.tensor(sorted(set(request.input_ids)), device=self._device)
            self._counts[slot, seen] = _SEEN

    def use_adapters(self, adapters: LoraAdapters) -> None:
        """Take the loaded adapters' weights; a step that runs keeps those it began with."""
        count = len(adapters.cards)
        low = [
            [
                None if stack is None else low_rank(stack, count, matrix, outs)
                for stack, matrix, outs in zip(layer, matrices, self._outs, strict=True)
            ]
            for layer, matrices in zip(adapters.stacks, self.step.matrices, strict=True)
        ]
        self.step.use_adapters(low if count else None)
        self._graphs = {key: graph for key, graph in self._graphs.items() if not key[1]}

    def graph(self, rows: int, *, adapters: bool) -> _CapturedStep:
        """The step of `rows` places; capturing it overwrites the inputs with empty rows."""
        key = (rows, adapters)
        if key not in self._graphs:
            # cuBLAS makes its workspace at its first product, which no graph can hold.
            self._inputs.write([], rows)
            self.step.launch(rows, adapters=adapters)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            # Another thread may be reading an adapter onto the device meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                logits = self.step.launch(rows, adapters=adapters)
            self._graphs[key] = _CapturedStep(graph, logits)
        return self._graphs[key]


def _outputs(weights: Weights, *, inner: int) -> list[list[int]]:
    """The outputs of each linear of a layer's four joined projections."""
    kv = weights.kv_heads * weights.head_dim
    hidden = weights.embedding.shape[1]
    return [[weights.heads * weights.head_dim, kv, kv], [hidden], [inner, inner], [hidden]]
