"""Attention within each example of a row, and never across.

transformers' models call it because it is registered with transformers under a name of its own;
they hand the keyword argument `spans` of their forward pass on to it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from training.train.fused.attention import Bounds
from training.train.fused.jit import power_of_two
from training.train.layout import Batch

_FEWEST, _SHORTEST = 16, 256  # examples and tokens that bounds are made for at least
NAME = "fungpt_spans"


@dataclass(frozen=True, slots=True)
class Spans:
    """Where the examples of a batch begin and end, in the form that its attention wants.

    `lengths` are those of the batch. `mask`, bool of the shape (rows, 1, tokens, tokens), says
    which token sees which, so that one kernel computes a whole row on a GPU. On a CPU it is None,
    and each example is a call of its own, which costs less than the square of a long row.
    `bounds` are for the fused decoder, which takes them instead.
    """

    lengths: tuple[tuple[int, ...], ...]
    mask: Tensor | None = None
    bounds: Bounds | None = None

    @classmethod
    def of(cls, batch: Batch) -> "Spans":
        """The spans of a batch, on the device of its tensors."""
        device = batch.input_ids.device
        return cls(batch.lengths, None if device.type == "cpu" else span_mask(batch))

    @classmethod
    def bounded(cls, batch: Batch) -> "Spans":
        """The spans of a batch for the fused decoder, on the device of its tensors."""
        return cls(batch.lengths, bounds=span_bounds(batch))

    @property
    def shape(self) -> tuple[int, ...]:
        """What must agree for `copy_from`, besides the batch's shape."""
        return () if self.bounds is None else (len(self.bounds.ends), self.bounds.longest)

    def copy_from(self, other: "Spans") -> None:
        """Overwrite these tensors by those of other spans of the same shape.

        Raises ValueError when the other spans are for another kind of attention.
        """
        for mine, theirs in zip(self.tensors, other.tensors, strict=True):
            mine.copy_(theirs, non_blocking=True)

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors that the attention reads."""
        ends = None if self.bounds is None else self.bounds.ends
        return [tensor for tensor in (self.mask, ends) if tensor is not None]


def span_bounds(batch: Batch) -> Bounds:
    """The bounds of the examples of all rows; what pads a row counts as one more example.

    Numbers are rounded up to powers of two, so that few shapes occur: the length of the longest
    example, and the number of examples, to which empty ones are added.
    """
    tokens = batch.input_ids.shape[1]
    lengths = [n for row in batch.lengths for n in (*row, tokens - sum(row)) if n]
    count = max(_FEWEST, power_of_two(len(lengths)))
    ends = torch.tensor([0, *lengths] + [0] * (count - len(lengths))).cumsum(0)
    longest = min(tokens, max(_SHORTEST, power_of_two(max(lengths))))
    return Bounds(ends.int().to(batch.input_ids.device), longest)


def span_mask(batch: Batch) -> Tensor:
    """True where a token sees another: one of its own example and not later.

    Padding counts as one more example. The shape is that of `Spans.mask`.
    """
    rows, tokens = batch.input_ids.shape
    number = torch.zeros((rows, tokens), dtype=torch.int32)
    for row, lengths in enumerate(batch.lengths):
        ids = torch.repeat_interleave(torch.arange(1, len(lengths) + 1), torch.tensor(lengths))
        number[row, : len(ids)] = ids
    number = number.to(batch.input_ids.device)
    same = number[:, :, None] == number[:, None, :]
    earlier = torch.ones((tokens, tokens), dtype=torch.bool, device=same.device).tril()
    return (same & earlier)[:, None]


def use_spans(model: PreTrainedModel) -> None:
    """Make a model attend by spans from now on; its forward pass then needs `spans`."""
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, _no_mask)
    model.set_attn_implementation(NAME)


def _no_mask(*_: object, **__: object) -> None:
    """In place of the mask that transformers would make: `spans` says all."""


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    spans: Spans,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,  # noqa: ANN401 - what other attentions would need
) -> tuple[Tensor, None]:
    """Attention as transformers calls it.

    Queries, keys and values have the shape (rows, heads, tokens, head_dim), the result has (rows,
    tokens, heads, head_dim).
    """
    if spans.mask is not None:
        groups = query.shape[1] // key.shape[1]
        key, value = (t.repeat_interleave(groups, dim=1) for t in (key, value))
        output = F.scaled_dot_product_attention(
            query, key, value, attn_mask=spans.mask, dropout_p=dropout, scale=scaling
        )
        return output.transpose(1, 2), None
    rows = []
    for row, lengths in enumerate(spans.lengths):
        sizes = [*lengths, query.shape[2] - sum(lengths)]  # the last is padding
        examples = zip(*(t[row].split(sizes, dim=1) for t in (query, key, value)), strict=True)
        parts = [
            F.scaled_dot_product_attention(
                *example, dropout_p=dropout, scale=scaling, is_causal=True, enable_gqa=True
            )
            for example in examples
        ]
        rows.append(torch.cat(parts, dim=1))
    return torch.stack(rows).transpose(1, 2), None
