"""The loss on the replies: how it is computed, and how it is summed up over many rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.train.attention import Spans, use_spans
from training.train.examples import IGNORED, TokenizedExample
from training.train.fused.decoder import FusedDecoder
from training.train.layout import Batch, Layout
from training.train.noise import noise_for

CHUNK = 512  # positions; with Mistral's 32,768 tokens these are 64 MiB of float32 logits


@dataclass(frozen=True, slots=True)
class ReplyLoss:
    """A sum of negative log-likelihoods in nats, and over how many reply tokens it goes.

    Each reply's end token counts as one of its tokens.
    """

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
    """Wraps a causal model, with or without an adapter; its forward pass gives a batch's loss.

    The model's vocabulary matrix must be frozen. A `fused` decoder of the same model computes the
    hidden states in place of the model's own layers; without one, `noise` is added to what they
    read while the module is in training mode (see `training.train.noise`).
    """

    def __init__(
        self,
        model: PreTrainedModel | PeftModel,
        fused: FusedDecoder | None = None,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self._fused, self._noise = fused, noise
        causal = model.get_base_model() if isinstance(model, PeftModel) else model
        use_spans(cast("PreTrainedModel", causal))
        self._decoder = [cast("nn.Module", cast("Any", causal).model)]  # listed: registered once
        self._head = [cast("nn.Linear", cast("Any", causal).lm_head)]

    def spans_of(self, batch: Batch) -> Spans:
        """The batch's spans as `forward` needs them."""
        return Spans.bounded(batch) if self._fused else Spans.of(batch)

    def forward(self, batch: Batch, spans: Spans | None = None) -> Tensor:
        """The loss summed over the batch's reply tokens: a float32 scalar with gradient.

        `spans` saves computing them from the batch again. With `spans`, nothing here waits for a
        GPU, so that a CUDA graph can capture it.
        """
        hidden = self._hidden(batch, spans or self.spans_of(batch))[:, :-1]
        targets = batch.labels[:, 1:]
        if not hidden.is_cuda:  # the prompt's positions need no logits
            learned = targets != IGNORED
            hidden, targets = hidden[learned][None], targets[learned][None]
        return summed_cross_entropy(hidden.flatten(0, 1), self._head[0].weight, targets.flatten())

    def _hidden(self, batch: Batch, spans: Spans) -> Tensor:
        if self._fused is not None and spans.bounds is not None:
            return self._fused(batch.input_ids, batch.position_ids, spans.bounds)
        decoder = cast("Any", self._decoder[0])
        embedded = decoder.embed_tokens(batch.input_ids)
        if self.training and self._noise:
            embedded = embedded + noise_for(embedded, batch.lengths, self._noise)
        return decoder(
            inputs_embeds=embedded,
            position_ids=batch.position_ids,
            use_cache=False,
            spans=spans,
        ).last_hidden_state


def summed_cross_entropy(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """The negative log-likelihood of `targets` in nats, summed: a float32 scalar with gradient.

    `hidden` has the shape (positions, hidden size), `head` (vocabulary, hidden size), `targets`
    (positions,); positions whose target is IGNORED do not count. `head` gets no gradient.
    """
    return cast("Tensor", _ChunkedCrossEntropy.apply(hidden, head, targets))


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Never holds all logits: a chunk of positions at a time, its gradient made along with it.

    The idea is that of Liger's fused linear cross-entropy (Hsu and others, 2024,
    arXiv:2410.10989). As the head is frozen here, only the hidden states get a gradient.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:  # noqa: ANN401
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        gradient = torch.empty_like(hidden)
        for start in range(0, hidden.shape[0], CHUNK):
            part = slice(start, start + CHUNK)
            logits = (hidden[part].to(head.dtype) @ head.T).float()
            learned = (targets[part] != IGNORED)[:, None]
            wanted = targets[part, None].clamp(min=0)
            logits -= logits.amax(dim=-1, keepdim=True)  # or large ones would lose their digits
            norm = logits.logsumexp(dim=-1, keepdim=True)
            total += ((norm - logits.gather(1, wanted)) * learned).sum()
            slope = logits.sub_(norm).exp_()  # softmax, less one at the target
            slope.scatter_add_(1, wanted, slope.new_full((1, 1), -1.0).expand_as(wanted))
            gradient[part] = slope.mul_(learned).to(head.dtype) @ head
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (gradient,) = ctx.saved_tensors
        return gradient * slopes[0].to(gradient.dtype), None, None


@torch.no_grad()
def measure(
    model: PreTrainedModel | PeftModel, rows: Sequence[TokenizedExample], layout: Layout
) -> ReplyLoss:
    """The loss over all rows with dropout off. Afterwards the model is in the mode it was in."""
    was_training = model.training
    loss_of = ReplyLossModule(model).eval()
    total, tokens = 0.0, 0
    device = next(model.parameters()).device
    for batch in layout.batches(sorted(rows, key=lambda row: len(row["input_ids"]))):
        total += float(loss_of(batch.to(device)))
        tokens += batch.reply_tokens
    model.train(was_training)
    return ReplyLoss(total, tokens)
