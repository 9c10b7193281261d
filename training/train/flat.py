"""Many small parameters as one: a step over them is a handful of kernels instead of hundreds."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Flat:
    """`whole` shares values and gradients with `parts`, in their order, from now on.

    The parts must be of one dtype on one device.
    """

    def __init__(self, parts: Sequence[nn.Parameter]) -> None:
        values = torch.cat([part.detach().flatten() for part in parts])
        sums = torch.zeros_like(values)
        self.whole = nn.Parameter(values)
        self.whole.grad = sums
        self._sums = sums
        self._parts = parts
        sizes = [part.numel() for part in parts]
        self._gradients: list[Tensor] = []
        for part, value, gradient in zip(
            parts, values.split(sizes), sums.split(sizes), strict=True
        ):
            part.data = value.view_as(part)
            part.grad = gradient.view_as(part)
            self._gradients.append(part.grad)

    def collect(self) -> None:
        """Take in gradients that were put elsewhere, as several processes that share them do."""
        for part, gradient in zip(self._parts, self._gradients, strict=True):
            if part.grad is not gradient:
                if part.grad is not None:
                    gradient.copy_(part.grad)
                part.grad = gradient

    def zero(self) -> None:
        """Begin the next step's gradients, where they are."""
        self._sums.zero_()
