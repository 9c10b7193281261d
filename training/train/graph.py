"""A step's gradient as CUDA graphs, which launch thousands of kernels at once.

Launched one by one, they would wait longer for the CPU than they run. There is one graph for each
length of row, captured when that length first occurs and replayed from then on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from training.train.attention import Spans, span_mask
from training.train.layout import Batch

_WARM_UPS = 2  # kernels load and libraries allocate in the first runs


@dataclass(slots=True)
class _Static:
    """A graph with the tensors that it reads its input from and writes its loss to."""

    batch: Batch
    mask: Tensor
    scale: Tensor
    loss: Tensor
    graph: torch.cuda.CUDAGraph


class GraphedStep:
    """A GradientStep that replays the forward and backward pass of `loss`.

    `loss` must neither draw random numbers nor wait for the device. The gradients of `trained` must
    exist and stay in their place in memory (`FlatParameter` sees to that).
    """

    def __init__(
        self, loss: Callable[[Batch, Spans], Tensor], trained: Sequence[nn.Parameter]
    ) -> None:
        self._loss = loss
        self._trained = trained
        self._device = trained[0].device
        self._graphs: dict[tuple[int, ...], _Static] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, batches: Sequence[Batch], tokens: float) -> Tensor:
        """See `training.train.gradient_step.GradientStep`."""
        total = torch.zeros((), device=self._device)
        for batch in batches:
            total += self._replay(batch, tokens)
        return total

    def _replay(self, batch: Batch, tokens: float) -> Tensor:
        shape = tuple(batch.input_ids.shape)
        if shape not in self._graphs:
            self._graphs[shape] = self._capture(batch)
        static = self._graphs[shape]
        _copy(batch, static.batch)
        static.mask.copy_(span_mask(batch), non_blocking=True)
        static.scale.fill_(1 / tokens)
        static.graph.replay()
        return static.loss

    def _capture(self, batch: Batch) -> _Static:
        static = _Static(
            batch=batch.to(self._device),
            mask=span_mask(batch).to(self._device),
            scale=torch.zeros((), device=self._device),
            loss=torch.zeros((), device=self._device),
            graph=torch.cuda.CUDAGraph(),
        )
        gradients = [cast("Tensor", parameter.grad) for parameter in self._trained]
        before = [gradient.clone() for gradient in gradients]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                self._run(static)
        torch.cuda.current_stream().wait_stream(side)
        with torch.cuda.graph(static.graph, pool=self._pool):
            static.loss = self._run(static)
        for gradient, value in zip(gradients, before, strict=True):
            gradient.copy_(value)  # warm-up and capture have added to them
        return static

    def _run(self, static: _Static) -> Tensor:
        spans = Spans(static.batch.lengths, static.mask)
        loss = self._loss(static.batch, spans) * static.scale
        loss.backward()
        return loss.detach()


def _copy(source: Batch, target: Batch) -> None:
    target.input_ids.copy_(source.input_ids, non_blocking=True)
    target.labels.copy_(source.labels, non_blocking=True)
    target.position_ids.copy_(source.position_ids, non_blocking=True)
