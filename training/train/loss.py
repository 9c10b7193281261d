"""The loss on the reply, for training and for evaluation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.train.attention import Spans, use_spans
from training.train.cross_entropy import summed_cross_entropy
from training.train.examples import IGNORED, Row
from training.train.layout import Batch, Layout


@dataclass(frozen=True, slots=True)
class ReplyLoss:
    """Negative log-likelihood in nats, summed over the replies' tokens, end token included."""

    total: float
    tokens: int

    @property
    def per_token(self) -> float:
        """The mean over tokens (not over rows: a long reply weighs more)."""
        return self.total / self.tokens

    @property
    def perplexity(self) -> float:
        """e to the mean loss."""
        return math.exp(self.per_token)


class ReplyLossModule(nn.Module):
    """A causal model, with or without an adapter, whose forward pass is a batch's summed loss.

    Only positions before a reply's token reach the vocabulary's matrix, and their logits exist a
    chunk at a time. The head itself must be frozen.
    """

    def __init__(self, model: PreTrainedModel | PeftModel) -> None:
        super().__init__()
        self.model = model
        causal = model.get_base_model() if isinstance(model, PeftModel) else model
        use_spans(cast("PreTrainedModel", causal))
        self._decoder = [cast("nn.Module", cast("Any", causal).model)]  # listed: registered once
        self._head = [cast("nn.Linear", cast("Any", causal).lm_head)]

    def forward(self, batch: Batch, spans: Spans | None = None) -> Tensor:
        """The summed loss over the batch's reply tokens, a float32 scalar with gradient.

        On a GPU nothing here waits for the device, so that a graph can hold it.
        """
        hidden = self._decoder[0](
            input_ids=batch.input_ids,
            position_ids=batch.position_ids,
            use_cache=False,
            spans=spans or Spans.of(batch),
        ).last_hidden_state[:, :-1]
        targets = batch.labels[:, 1:]
        if not hidden.is_cuda:  # the prompt's positions need no logits
            learned = targets != IGNORED
            hidden, targets = hidden[learned][None], targets[learned][None]
        return summed_cross_entropy(hidden.flatten(0, 1), self._head[0].weight, targets.flatten())


@torch.no_grad()
def measure(model: PreTrainedModel | PeftModel, rows: Sequence[Row], layout: Layout) -> ReplyLoss:
    """The loss over all rows in eval mode; the model's mode is restored."""
    was_training = model.training
    loss_of = ReplyLossModule(model).eval()
    total, tokens = 0.0, 0
    device = next(model.parameters()).device
    for batch in layout.batches(sorted(rows, key=lambda row: len(row["input_ids"]))):
        total += float(loss_of(batch.to(device)))
        tokens += batch.reply_tokens
    model.train(was_training)
    return ReplyLoss(total, tokens)
