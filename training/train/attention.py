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

from training.train.layout import Batch

NAME = "fungpt_spans"


@dataclass(frozen=True, slots=True)
class Spans:
    """Where the examples of a batch begin and end.

    `lengths` are those of the batch. On a GPU `mask`, bool of the shape (rows, 1, tokens, tokens),
    says which token sees which, so that one kernel computes a whole row. On a CPU it is None, and
    each example is a call of its own, which costs less than the square of a long row.
    """

    lengths: tuple[tuple[int, ...], ...]
    mask: Tensor | None

    @classmethod
    def of(cls, batch: Batch) -> "Spans":
        """The spans of a batch, on the device of its tensors."""
        device = batch.input_ids.device
        return cls(batch.lengths, None if device.type == "cpu" else span_mask(batch))


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
