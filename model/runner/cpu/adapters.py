"""All adapters' weights as the step reads them, in float16."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from model.runner.cpu.records import LOW_RANK
from model.runner.lora import GROUPS, LoraAdapters, LoraPart


class PackedAdapters:
    """The adapters of a `LoraAdapters`, by layer and matrix, in the order of its cards.

    `edges` lists for each of the four matrices where its second and third linear begin, and
    `widths` its outputs, filled up to whole tiles.
    """

    def __init__(
        self,
        adapters: LoraAdapters,
        edges: Sequence[tuple[int, int]],
        widths: Sequence[int],
    ) -> None:
        self._held: list[Tensor] = []
        self.largest = 0
        self.records = np.zeros((len(adapters.cards), len(adapters.stacks), len(GROUPS)), LOW_RANK)
        for layer, stacks in enumerate(adapters.stacks):
            for group, stack in enumerate(stacks):
                for index in range(len(adapters.cards)):
                    part = stack and stack.part(index)
                    if part is not None:
                        a, b = self._take(part, widths[group])
                        linears, rank = part.b.shape[:2]
                        self.largest = max(self.largest, linears * rank)
                        self.records[index, layer, group] = (
                            a.data_ptr(), b.data_ptr(), rank, linears, *edges[group],
                        )  # fmt: skip

    def _take(self, part: LoraPart, width: int) -> tuple[Tensor, Tensor]:
        """A as (linears · rank, in), and B as (rank, out): each output has one linear only."""
        a = part.a.permute(1, 2, 0).reshape(-1, len(part.a)).to(torch.float16).contiguous()
        b = torch.zeros(part.b.shape[1], width, dtype=torch.float16)
        b[:, : part.b.shape[2]] = part.b.sum(0)
        self._held += (a, b)
        return a, b
