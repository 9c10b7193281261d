"""The loss on the reply, for training and for evaluation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.examples import IGNORED, Batch, Collator, Row


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


def summed_loss(model: nn.Module, batch: Batch) -> Tensor:
    """The summed loss of a batch's replies, a scalar with gradient, float32.

    Positions before the first reply of the batch get no logits at all: the vocabulary's matrix is
    half of a small model's work.
    """
    labels = batch["labels"]
    first = int((labels != IGNORED).any(dim=0).to(torch.int64).argmax())
    kept = labels.shape[1] - first + 1  # the position before a token predicts it
    logits = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        logits_to_keep=kept,
        use_cache=False,
    ).logits[:, :-1]
    targets = labels[:, first:]
    return F.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )


def reply_tokens(batch: Batch) -> int:
    """How many tokens of the batch carry a loss."""
    return int((batch["labels"] != IGNORED).sum())


@torch.no_grad()
def measure(model: nn.Module, rows: Sequence[Row], collate: Collator, batch_size: int) -> ReplyLoss:
    """The loss over all rows in eval mode; the model's mode is restored."""
    was_training = model.training
    model.eval()
    total, tokens = 0.0, 0
    device = next(model.parameters()).device
    ordered = sorted(rows, key=lambda row: len(row["input_ids"]))
    for start in range(0, len(ordered), batch_size):
        batch = to_device(collate(ordered[start : start + batch_size]), device)
        total += float(summed_loss(model, batch))
        tokens += reply_tokens(batch)
    model.train(was_training)
    return ReplyLoss(total, tokens)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""
    return Batch(
        input_ids=batch["input_ids"].to(device),
        labels=batch["labels"].to(device),
        attention_mask=batch["attention_mask"].to(device),
    )
