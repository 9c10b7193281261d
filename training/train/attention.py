"""Attention within each example of a row, and never across.

Registered with transformers under a name of its own, so that its models call it; `spans` reaches
it through the model's keyword arguments.
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

    On a GPU `mask`, of shape (rows, 1, tokens, tokens), bool, says which token sees which: one
    kernel for a whole row. On a CPU it is None, and each example is a call of its own, which costs
    less than the square of a long row.
    """

    lengths: tuple[tuple[int, ...], ...]
    mask: Tensor | None

    @classmethod
    def of(cls, batch: Batch) -> "Spans":
        """Those of a batch, where its tensors are."""
        device = batch.input_ids.device
        return cls(batch.lengths, None if device.type == "cpu" else span_mask(batch))


def span_mask(batch: Batch) -> Tensor:
    """True where a token sees another: the same example, not later. Padding sees itself."""
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
    """Let a model attend by spans from now on."""
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, _no_mask)
    model.set_attn_implementation(NAME)


def _no_mask(*_: object, **__: object) -> None:
    """The mask that transformers would make is never wanted."""


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
    """Queries, keys and values of shape (rows, heads, tokens, head_dim); heads come out third."""
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
