"""The loss over a large vocabulary without ever holding all its logits.

The idea of Liger's fused linear cross-entropy (Hsu and others, 2024, arXiv:2410.10989): a chunk of
positions at a time, its gradient already made in the forward pass. Here the head is frozen, so only
the hidden states get one.
"""

from typing import Any, cast

import torch
from torch import Tensor

from training.train.examples import IGNORED

CHUNK = 512  # positions; with Mistral's 32,768 tokens 64 MiB of float32 logits


class _SummedCrossEntropy(torch.autograd.Function):
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


def summed_cross_entropy(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """The summed negative log-likelihood of `targets`, a float32 scalar; natural logarithm.

    `hidden` has the shape (positions, hidden size), `head` (vocabulary, hidden size) and no
    gradient, `targets` (positions,); positions with the target IGNORED do not count.
    """
    return cast("Tensor", _SummedCrossEntropy.apply(hidden, head, targets))
