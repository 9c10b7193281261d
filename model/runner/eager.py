"""The forward pass over a mixed batch of rows, and the tensors it owns."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from model.engine.api import AdapterCard, TokenRequest
from model.engine.engine import Slice
from model.runner.lora import LoraAdapters, LoraMask, LoraStack
from model.runner.sampler import RowSampler
from model.runner.weights import Block, Projection, Weights


@dataclass(frozen=True, slots=True)
class _Row:
    """One row's place in the step: tokens `begin:end` of the batch, and its part of the cache."""

    begin: int
    end: int
    keys: tuple[Tensor, ...]  # by layer: (kv_heads, tokens so far, head_dim)
    values: tuple[Tensor, ...]
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class _Step:
    """What every layer of one step shares."""

    rows: list[_Row]
    slots: Tensor  # (tokens,) cache slot of each token
    cos: Tensor  # (tokens, 1, head_dim)
    sin: Tensor
    lora: LoraMask | None


class TorchRunner:
    """Runs slices of rows through the model; implements `model.engine.engine.Runner`.

    All rows' tokens lie behind each other in one (tokens, hidden) matrix, whether they are one
    decoded token or a chunk of a prompt, so each projection is one kernel call. Only attention is
    done row by row, over a slice of the cache of shape (layers, slots, 2·kv_heads, head_dim).
    """

    def __init__(self, weights: Weights, adapters: LoraAdapters, cache_tokens: int) -> None:
        self._weights = weights
        self._adapters = adapters
        self._samplers: dict[str, RowSampler] = {}
        self._device = weights.embedding.device
        self._cache = torch.empty(
            (len(weights.blocks), cache_tokens, 2 * weights.kv_heads, weights.head_dim),
            dtype=weights.dtype,
            device=self._device,
        )
        # x·cos + swapped(x)·sin is the rotation when sin is negative for the first half.
        half = weights.head_dim // 2
        self._sin = torch.cat([-weights.sin[:, :half], weights.sin[:, half:]], dim=-1)

    def begin(self, request: TokenRequest) -> None:
        """Prepare a row's sampling state."""
        self._samplers[request.id] = RowSampler(
            request.params, request.input_ids, self._weights.vocab_size
        )

    def end(self, request_id: str) -> None:
        """Forget a row; an unknown one is ignored."""
        self._samplers.pop(request_id, None)

    def drop(self, card: AdapterCard) -> None:
        """Free an adapter's weights."""
        self._adapters.remove(card)

    @torch.inference_mode()
    def run(self, slices: list[Slice]) -> dict[str, int]:
        """One forward pass; the sampled token of every row whose slice samples."""
        logits = self.forward(slices)
        sampling = [item.id for item in slices if item.samples]
        return {
            id_: self._samplers[id_].sample(row) for id_, row in zip(sampling, logits, strict=True)
        }

    @torch.inference_mode()
    def forward(self, slices: list[Slice]) -> Tensor:
        """Float32 logits on the CPU, (sampling rows, vocab), in the order of the slices."""
        weights = self._weights
        step = self._step(slices)
        ids = torch.tensor([id_ for item in slices for id_ in item.input_ids], device=self._device)
        x = F.embedding(ids, weights.embedding).to(weights.dtype)
        for layer, block in enumerate(weights.blocks):
            x = self._block(x, layer, block, step)
        last = [row.end - 1 for row, item in zip(step.rows, slices, strict=True) if item.samples]
        if not last:
            return torch.empty(0, weights.vocab_size)
        x = self._norm(x[last], weights.norm)
        return weights.head(x).float().cpu()

    def _step(self, slices: list[Slice]) -> _Step:
        counts = [len(item.input_ids) for item in slices]
        rows: list[_Row] = []
        positions: list[int] = []
        slots: list[int] = []
        for item, count in zip(slices, counts, strict=True):
            rows.append(self._row(item, len(positions), count))
            positions.extend(range(item.position, item.position + count))
            first = item.cache_start + item.position
            slots.extend(range(first, first + count))
        at = torch.tensor(positions, device=self._device)
        return _Step(
            rows=rows,
            slots=torch.tensor(slots, device=self._device),
            cos=self._weights.cos[at][:, None],
            sin=self._sin[at][:, None],
            lora=self._adapters.mask([item.adapter for item in slices], counts),
        )

    def _row(self, item: Slice, begin: int, count: int) -> _Row:
        end = item.position + count
        held = self._cache[:, item.cache_start : item.cache_start + end].transpose(1, 2)
        kv_heads = self._weights.kv_heads
        mask = None
        if count > 1:
            mask = torch.ones(count, end, dtype=torch.bool, device=self._device)
            mask = mask.tril(item.position)
        return _Row(
            begin=begin,
            end=begin + count,
            keys=held[:, :kv_heads].unbind(0),
            values=held[:, kv_heads:].unbind(0),
            mask=mask,
        )

    def _block(self, x: Tensor, layer: int, block: Block, step: _Step) -> Tensor:
        lora = self._adapters.stacks[layer]
        h = self._norm(x, block.input_norm)
        attended = self._attention(_project(h, block.qkv, lora[0], step.lora), layer, step)
        x = x + _project(attended, block.o, lora[1], step.lora)
        h = self._norm(x, block.post_norm)
        gate, up = _project(h, block.gate_up, lora[2], step.lora).chunk(2, dim=-1)
        return x + _project(F.silu(gate) * up, block.down, lora[3], step.lora)

    def _attention(self, qkv: Tensor, layer: int, step: _Step) -> Tensor:
        weights = self._weights
        tokens, rotated = len(qkv), weights.heads + weights.kv_heads
        qkv = qkv.view(tokens, rotated + weights.kv_heads, weights.head_dim)
        turned = self._rotate(qkv[:, :rotated], step)
        fresh = torch.cat([turned[:, weights.heads :], qkv[:, rotated:]], dim=1)
        self._cache[layer].index_copy_(0, step.slots, fresh)
        queries = turned[:, : weights.heads]
        out = [_attend(queries[row.begin : row.end], layer, row, weights) for row in step.rows]
        return torch.cat(out) if len(out) > 1 else out[0]

    def _rotate(self, x: Tensor, step: _Step) -> Tensor:
        """Rotary position embedding (arXiv:2104.09864), halves layout."""
        first, second = x.chunk(2, dim=-1)
        return torch.addcmul(x * step.cos, torch.cat([second, first], dim=-1), step.sin)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), weight, self._weights.eps)


def _project(
    x: Tensor, projection: Projection, lora: LoraStack | None, mask: LoraMask | None
) -> Tensor:
    y = projection(x)
    return y if lora is None or mask is None else lora.add_to(y, x, mask)


def _attend(queries: Tensor, layer: int, row: _Row, weights: Weights) -> Tensor:
    """One row's attention, (new tokens, heads, head_dim) to (new tokens, heads·head_dim)."""
    keys, values = row.keys[layer][None], row.values[layer][None]
    count, group = len(queries), weights.heads // weights.kv_heads
    if count == 1:
        # One query sees everything: the heads that share keys are as good as several queries.
        q = queries.view(1, weights.kv_heads, group, weights.head_dim)
        return F.scaled_dot_product_attention(q, keys, values).reshape(1, -1)
    q = queries.transpose(0, 1)[None]
    out = F.scaled_dot_product_attention(q, keys, values, attn_mask=row.mask, enable_gqa=True)
    return out[0].transpose(0, 1).reshape(count, -1)
