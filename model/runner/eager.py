"""The forward pass over a batch of rows of all variants, and the key/value cache."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from model.engine.api import AdapterCard, TokenRequest
from model.engine.batch import BatchRow, Tokens
from model.runner.lora import LoraAdapters, LoraMask, LoraStack
from model.runner.sampler import RowSampler, next_or_none
from model.runner.weights import DecoderLayer, Projection, Weights


@dataclass(frozen=True, slots=True)
class _Row:
    """What attention reads of one row: tokens `begin:end` of the batch, and its cached tokens."""

    begin: int
    end: int
    keys: tuple[Tensor, ...]  # by layer: (kv_heads, tokens so far, head_dim)
    values: tuple[Tensor, ...]
    mask: Tensor | None  # (new tokens, tokens so far), True where a query sees a key; None: all


@dataclass(frozen=True, slots=True)
class _Step:
    """The tensors that all layers of one step share."""

    rows: list[_Row]
    slots: Tensor  # (tokens,) cache slot of each token
    cos: Tensor  # (tokens, 1, head_dim)
    sin: Tensor
    lora: LoraMask | None


class SamplingRunner(ABC):
    """What runners share that choose tokens on the CPU: each row's sampler.

    `cache` holds keys and values by (layer, slot, 2·kv_heads, head_dim).
    """

    cache: Tensor

    def __init__(self, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        self._samplers: dict[str, RowSampler] = {}

    @abstractmethod
    def forward(self, batch: list[BatchRow]) -> Tensor:
        """Run one forward pass; return the logits of the rows with `samples`, in batch order.

        They are float32, of shape (sampling rows, vocab).
        """

    def begin(self, request: TokenRequest) -> None:
        """Prepare the sampling state of a new row."""
        self._samplers[request.id] = RowSampler(
            request.params, request.input_ids, self._vocab_size, request.constraint
        )

    @abstractmethod
    def remove_adapter(self, card: AdapterCard) -> None:
        """Free an adapter's weights; no later batch may name it."""

    def end(self, request_id: str) -> None:
        """Forget a row; an unknown id is ignored."""
        self._samplers.pop(request_id, None)

    @torch.inference_mode()
    def copy(self, source: int, to: int, count: int) -> None:
        """Copy the keys and values of `count` cache slots; the two ranges may overlap."""
        overlap = abs(source - to) < count
        for layer in self.cache:  # one by one: a copy of what overlaps takes little memory
            read = layer[source : source + count]
            layer[to : to + count] = read.clone() if overlap else read

    @torch.inference_mode()
    def run(self, batch: list[BatchRow]) -> Tokens:
        """Run one forward pass; return the next token of every row with `samples`, by id.

        None for a row that cannot be sampled, usually because its logits are not finite. What
        raises here comes before any sampling, so the rows can be run again.
        """
        logits = self.forward(batch).cpu()
        sampling = [row.id for row in batch if row.samples]
        return {
            id_: next_or_none(self._samplers[id_], id_, row)
            for id_, row in zip(sampling, logits, strict=True)
        }


class TorchRunner(SamplingRunner):
    """Runs batches of rows through the model; implements `model.engine.batch.Runner`.

    The tokens of all rows, decoded tokens and prompt chunks alike, are concatenated to one
    (tokens, hidden) matrix, so each projection is one kernel call. Only attention is computed row
    by row, on the row's part of the cache of shape (layers, slots, 2·kv_heads, head_dim) and of the
    weights' `cache_dtype`.
    """

    def __init__(self, weights: Weights, adapters: LoraAdapters, cache_tokens: int) -> None:
        super().__init__(weights.vocab_size)
        self._weights = weights
        self._adapters = adapters
        self._device = weights.embedding.device
        self.cache = torch.empty(
            (len(weights.layers), cache_tokens, 2 * weights.kv_heads, weights.head_dim),
            dtype=weights.cache_dtype,
            device=self._device,
        )
        # With the first half of sin negated, the rotation is x·cos + swapped(x)·sin.
        half = weights.head_dim // 2
        self._sin = torch.cat([-weights.sin[:, :half], weights.sin[:, half:]], dim=-1)

    def remove_adapter(self, card: AdapterCard) -> None:
        """Free an adapter's weights; no later batch may name it."""
        self._adapters.remove(card)

    @torch.inference_mode()
    def forward(self, batch: list[BatchRow]) -> Tensor:
        """Run one forward pass; return the logits of the rows with `samples`, in batch order.

        They are float32, of shape (sampling rows, vocab).
        """
        weights = self._weights
        step = self._step(batch)
        ids = torch.tensor([id_ for item in batch for id_ in item.input_ids], device=self._device)
        x = F.embedding(ids, weights.embedding).to(weights.dtype)
        for index, layer in enumerate(weights.layers):
            x = self._decoder_layer(x, index, layer, step)
        last = [row.end - 1 for row, item in zip(step.rows, batch, strict=True) if item.samples]
        if not last:
            return torch.empty(0, weights.vocab_size)
        x = self._norm(x[last], weights.norm)
        return weights.head(x).float()

    def _step(self, batch: list[BatchRow]) -> _Step:
        counts = [len(item.input_ids) for item in batch]
        rows: list[_Row] = []
        positions: list[int] = []
        slots: list[int] = []
        for item, count in zip(batch, counts, strict=True):
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
            lora=self._adapters.mask([item.adapter for item in batch], counts),
        )

    def _row(self, item: BatchRow, begin: int, count: int) -> _Row:
        end = item.position + count
        held = self.cache[:, item.cache_start : item.cache_start + end].transpose(1, 2)
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

    def _decoder_layer(self, x: Tensor, index: int, layer: DecoderLayer, step: _Step) -> Tensor:
        lora = self._adapters.stacks[index]
        h = self._norm(x, layer.input_norm)
        attended = self._attention(_project(h, layer.qkv, lora[0], step.lora), index, step)
        x = x + _project(attended, layer.o, lora[1], step.lora)
        h = self._norm(x, layer.post_norm)
        gate, up = _project(h, layer.gate_up, lora[2], step.lora).chunk(2, dim=-1)
        return x + _project(F.silu(gate) * up, layer.down, lora[3], step.lora)

    def _attention(self, qkv: Tensor, layer: int, step: _Step) -> Tensor:
        weights = self._weights
        tokens, rotated = len(qkv), weights.heads + weights.kv_heads
        qkv = qkv.view(tokens, rotated + weights.kv_heads, weights.head_dim)
        turned = self._rotate(qkv[:, :rotated], step)
        fresh = torch.cat([turned[:, weights.heads :], qkv[:, rotated:]], dim=1)
        self._keep(layer, step.slots, fresh)
        queries = turned[:, : weights.heads]
        out = [_attend(queries[row.begin : row.end], layer, row, weights) for row in step.rows]
        return torch.cat(out) if len(out) > 1 else out[0]

    def _keep(self, layer: int, slots: Tensor, fresh: Tensor) -> None:
        """Write keys and values (tokens, 2·kv_heads, head_dim) into their slots."""
        cache = self.cache[layer]
        if cache.dtype is torch.float8_e4m3fn:
            # torch makes NaN of what lies beyond the largest number, and copies bytes only.
            largest = torch.finfo(cache.dtype).max
            fresh = fresh.clamp(-largest, largest).to(cache.dtype).view(torch.uint8)
            cache = cache.view(torch.uint8)
        cache.index_copy_(0, slots, fresh.to(cache.dtype))

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
    """Attention of one row.

    `queries` have the shape (new tokens, heads, head_dim), the result (new tokens,
    heads·head_dim).
    """
    keys, values = (part[layer].to(queries.dtype)[None] for part in (row.keys, row.values))
    count, group = len(queries), weights.heads // weights.kv_heads
    if count == 1:
        # One query sees all keys, so the heads that share keys can be passed as several queries.
        q = queries.view(1, weights.kv_heads, group, weights.head_dim)
        return F.scaled_dot_product_attention(q, keys, values).reshape(1, -1)
    q = queries.transpose(0, 1)[None]
    out = F.scaled_dot_product_attention(q, keys, values, attn_mask=row.mask, enable_gqa=True)
    return out[0].transpose(0, 1).reshape(count, -1)
