"""Noise on the embeddings that a model reads while it learns."""

from collections.abc import Sequence

import torch
from torch import Tensor


def noise_for(embedded: Tensor, lengths: Sequence[Sequence[int]], alpha: float) -> Tensor:
    """Noise to add to `embedded`, of its shape (rows, tokens, hidden size), type and device.

    NEFTune (Jain and others, 2023, arXiv:2310.05914): every value is drawn evenly between
    -alpha/√(L·d) and alpha/√(L·d), where d is the hidden size and L the length of the token's
    example. `lengths` are those of each row's examples; padding behind them gets no noise.
    """
    rows, tokens, size = embedded.shape
    scale = torch.zeros((rows, tokens))
    for row, examples in enumerate(lengths):
        each = torch.tensor(examples)
        scale[row, : sum(examples)] = (alpha / (each * size).sqrt()).repeat_interleave(each)
    drawn = torch.empty_like(embedded).uniform_(-1, 1)
    return drawn * scale[:, :, None].to(drawn)
