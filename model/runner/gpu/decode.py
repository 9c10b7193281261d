"""One decode step: the launches that take a token a row to the next one, without a host in between.

A layer is four products with attention in their middle. What stands between two products (norms,
rotation, the residual stream, SiLU) belongs to the product before: it leaves the next one's input
in the layout that it reads.
"""

import ctypes
import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from model.runner.gpu.inputs import StepInputs
from model.runner.gpu.kernel_set import KernelSet, StepKernels
from model.runner.gpu.low_rank import LowRank
from model.runner.gpu.matrix import TiledProjection
from model.runner.gpu.product import product
from model.runner.gpu.tiles import COLUMN, TILE, Tiles
from model.runner.weights import Weights

_ATTENTION_WARPS = 4
_ATTENTION_BLOCKS = 512  # enough to fill the largest card; more rows need fewer splits
_MOST_SPLITS = 16
_SLICES = 8  # of the inputs of an adapter's A, for as many blocks
_ENDS_THREADS = 256
_SAMPLE_THREADS = 1024


@dataclass(frozen=True, slots=True)
class _Layer:
    matrices: tuple[Tiles, Tiles, Tiles, Tiles]
    biases: tuple[Tensor | None, ...]
    post_norm: Tensor
    next_norm: Tensor


def _pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


class DecodeStep:
    """Launches decode steps for up to `most_rows` rows over weights in tiles.

    `cache` has the shape (layers, slots, 2·kv_heads, head_dim) in bfloat16 or float8_e4m3fn,
    `counts` (slots, vocab) in int16: how often a row's answer has each token, the top bit where its
    prompt has it.
    """

    def __init__(
        self, weights: Weights, cache: Tensor, kernels: KernelSet, inputs: StepInputs,
        counts: Tensor, most_rows: int,
    ) -> None:  # fmt: skip
        self._weights, self._cache, self._kernels = weights, cache, kernels
        self._inputs, self._counts = inputs, counts
        self._layers = _layers(weights)
        self._group = weights.heads // weights.kv_heads
        self._hidden = weights.embedding.shape[1]
        self._device = weights.embedding.device
        inner = self._layers[0].matrices[3].inputs
        padded = -(-most_rows // COLUMN) * COLUMN
        self._x = self._zeros(self._hidden * padded, torch.bfloat16)
        self._attended = self._zeros(weights.heads * weights.head_dim * padded, torch.bfloat16)
        self._inner = self._zeros(inner * padded, torch.bfloat16)
        self._queries = self._zeros(weights.heads * weights.head_dim * padded, torch.bfloat16)
        self._residual = self._zeros(padded * self._hidden)
        self._parts = self._hidden // TILE
        self._squares = [self._zeros(self._parts * padded) for _ in range(2)]
        width = self._group * (weights.head_dim + 2)
        partial = (_ATTENTION_BLOCKS + padded * weights.kv_heads) * width
        self._partial = self._zeros(partial)
        self._arrived = self._zeros(padded * weights.kv_heads, torch.int32)
        self._last = self._zeros(padded * self._hidden, torch.bfloat16).view(padded, -1)
        self._rotary = torch.stack(
            [part[:, : weights.head_dim // 2].float() for part in (weights.cos, weights.sin)],
            dim=-1,
        ).contiguous()
        self._embedding = weights.embedding.bfloat16()
        self._first_norm = weights.layers[0].input_norm.float()
        self._last_weight = weights.norm.float()
        self._low: list[list[LowRank | None]] | None = None
        self._low_out: Tensor | None = None
        self._slices = self._zeros(0)
        self._low_state = self._zeros(4, torch.int32)
        self.tokens = self._zeros(padded, torch.int32)

    @property
    def matrices(self) -> list[tuple[Tiles, Tiles, Tiles, Tiles]]:
        """Every layer's matrices: q k v, o, gate and up, down."""
        return [layer.matrices for layer in self._layers]

    def use_adapters(self, low: list[list[LowRank | None]] | None) -> None:
        """Take the adapters' weights by layer and projection; None: there are none.

        What was launched before still reads the old ones: their memory is given only to what comes
        later on the same stream.
        """
        self._low = low
        if low is not None:
            most = max(
                (part.steps for layer in low for part in layer if part is not None), default=0
            )
            ranks = most * len(self.tokens) * TILE
            self._low_out = self._zeros(ranks, torch.bfloat16)
            self._slices = self._zeros(ranks * _SLICES)

    def launch(self, rows: int, *, adapters: bool) -> Tensor:
        """Launch a step over the first `rows` inputs; `tokens` then holds what they chose.

        Returns float32 logits of shape (rows, vocab): the product's, or what the sampler has left
        of them where they do not fit into its registers.
        """
        columns = -(-rows // COLUMN)
        kernels = self._kernels.of(columns)
        inputs, weights = self._inputs, self._weights
        first, second = self._squares
        kernels.embed.launch(
            (rows,), _ENDS_THREADS, _pointer(inputs.ids), _pointer(self._embedding),
            _pointer(self._first_norm), ctypes.c_int(self._hidden), _pointer(self._residual),
            _pointer(self._x), _pointer(first), ctypes.c_int(self._parts),
        )  # fmt: skip
        low = self._low if adapters else None
        for index, layer in enumerate(self._layers):
            parts = low[index] if low is not None else (None, None, None, None)
            self._run(kernels, layer, 0, rows, self._x, parts[0], squares=first, tensors={
                "out": self._queries, "cache": self._cache[index], "slots": inputs.slots,
                "positions": inputs.positions, "rotary": self._rotary,
            })  # fmt: skip
            self._attend(kernels, index, rows)
            stream = {"out": self._x, "residual": self._residual}
            self._run(kernels, layer, 1, rows, self._attended, parts[1], tensors={
                **stream, "norm": layer.post_norm, "next_squares": second,
            })  # fmt: skip
            self._run(kernels, layer, 2, rows, self._x, parts[2], squares=second,
                      tensors={"out": self._inner})  # fmt: skip
            self._run(kernels, layer, 3, rows, self._inner, parts[3], tensors={
                **stream, "norm": layer.next_norm, "next_squares": first,
            })  # fmt: skip
        kernels.last_norm.launch(
            (rows,), _ENDS_THREADS, _pointer(self._residual), _pointer(self._last_weight),
            ctypes.c_float(weights.eps), ctypes.c_int(self._hidden), _pointer(self._last),
        )  # fmt: skip
        logits = torch.mm(self._last[:rows], weights.vocabulary.t(), out_dtype=torch.float32)
        self.sample(logits, inputs.parameters, inputs.ids, advance=True)
        return logits

    def sample(
        self, logits: Tensor, parameters: Tensor, next_ids: Tensor, *, advance: bool = False
    ) -> None:
        """Choose the tokens of the rows whose float32 logits (rows, vocab) are given.

        With `advance`, the inputs are those of the next step afterwards.
        """
        inputs = self._inputs
        moved = (inputs.positions, inputs.lengths, inputs.slots) if advance else (None,) * 3
        self._kernels.sample.launch(
            (len(logits),), _SAMPLE_THREADS, _pointer(logits), ctypes.c_int(logits.shape[1]),
            _pointer(parameters), _pointer(self._counts), _pointer(next_ids),
            _pointer(self.tokens), *map(_pointer, moved),
        )  # fmt: skip

    def _zeros(self, count: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(count, dtype=dtype, device=self._device)

    def _run(
        self, kernels: StepKernels, layer: _Layer, which: int, rows: int, x: Tensor,
        low: LowRank | None, *, tensors: dict[str, Tensor], squares: Tensor | None = None,
    ) -> None:  # fmt: skip
        weights, numbers = self._weights, {"parts": self._parts}
        if squares is not None:
            tensors["squares"] = squares
        if (bias := layer.biases[which]) is not None:
            tensors["bias"] = bias
        if which == 0:
            numbers |= {
                "heads": weights.heads, "kv_heads": weights.kv_heads, "head_dim": weights.head_dim,
            }  # fmt: skip
        if low is not None and self._low_out is not None:
            tensors |= {
                "lora_a": low.a, "lora_owner": low.owner, "row_adapter": self._inputs.adapters,
                "lora_slices": self._slices, "lora_low": self._low_out, "lora_b": low.b,
                "lora_state": self._low_state, "lora_range": low.ranges,
            }  # fmt: skip
            numbers["slices"] = _SLICES
            numbers["lora_steps"] = low.steps
        product(kernels.products[which], kernels.shapes[which], layer.matrices[which], x, rows,
                kernels.resident[which], weights.eps, tensors, **numbers)  # fmt: skip

    def _attend(self, kernels: StepKernels, layer: int, rows: int) -> None:
        weights, inputs = self._weights, self._inputs
        kv_heads = weights.kv_heads
        splits = max(1, min(_MOST_SPLITS, _ATTENTION_BLOCKS // (rows * kv_heads)))
        scale = math.log2(math.e) / math.sqrt(weights.head_dim)
        kernels.attention.launch(
            (splits, kv_heads, rows), _ATTENTION_WARPS * 32, _pointer(self._queries),
            _pointer(self._cache[layer]), _pointer(inputs.lengths), _pointer(inputs.tables),
            ctypes.c_int(inputs.tables.shape[1]), ctypes.c_int(kv_heads), ctypes.c_float(scale),
            _pointer(self._partial), _pointer(self._arrived), _pointer(self._attended),
        )  # fmt: skip


def _layers(weights: Weights) -> list[_Layer]:
    norms = [layer.input_norm.float() for layer in weights.layers] + [weights.norm.float()]
    found: list[_Layer] = []
    for layer, next_norm in zip(weights.layers, norms[1:], strict=True):
        projections = [
            cast("TiledProjection", projection)
            for projection in (layer.qkv, layer.o, layer.gate_up, layer.down)
        ]
        a, b, c, d = (projection.matrix for projection in projections)
        biases = tuple(
            None if p.bias is None else p.bias.float()[p.matrix.order.long()] for p in projections
        )
        found.append(_Layer((a, b, c, d), biases, layer.post_norm.float(), next_norm))
    return found
