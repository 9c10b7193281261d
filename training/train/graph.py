"""A step's gradient as CUDA graphs, which launch thousands of kernels at once.

Launched one by one, they would wait longer for the CPU than they run. There is one graph for each
length of row, captured when that length first occurs and replayed from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from training.train.attention import Spans
from training.train.layout import Batch
from training.train.loss import ReplyLossModule

_WARM_UPS = 2  # kernels load and libraries allocate in the first runs


@dataclass(slots=True)
class _Static:
    """A graph with the tensors that it reads its input from and writes its loss to."""

    batch: Batch
    spans: Spans
    scale: Tensor
    loss: Tensor
    graph: torch.cuda.CUDAGraph


class GraphedStep:
    """A GradientStep that replays the forward and backward pass of a loss module.

    The module must neither draw random numbers nor wait for the device. The gradients of `trained`
    must exist and stay in their place in memory (`FlatParameter` sees to that). With `bfloat16`,
    matrix products are in that type.
    """

    def __init__(
        self, module: ReplyLossModule, trained: Sequence[nn.Parameter], *, bfloat16: bool
    ) -> None:
        self._module, self._bfloat16 = module, bfloat16
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
        batch = batch.to(self._device)  # its spans are those of a GPU only there
        spans = self._module.spans_of(batch)
        shape = (*batch.input_ids.shape, *spans.shape)
        if shape not in self._graphs:
            self._graphs[shape] = self._capture(batch, spans)
        static = self._graphs[shape]
        _copy(batch, static.batch)
        static.spans.copy_from(spans)
        static.scale.fill_(1 / tokens)
        static.graph.replay()
        return static.loss

    def _capture(self, batch: Batch, spans: Spans) -> _Static:
        static = _Static(
            batch=batch,
            spans=spans,
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
        # Autocast keeps no cast weights: a replayed graph would not see them change.
        with torch.autocast("cuda", torch.bfloat16, self._bfloat16, cache_enabled=False):
            loss = self._module(static.batch, static.spans) * static.scale
        loss.backward()
        return loss.detach()


def _copy(source: Batch, target: Batch) -> None:
    target.input_ids.copy_(source.input_ids, non_blocking=True)
    target.labels.copy_(source.labels, non_blocking=True)
    target.position_ids.copy_(source.position_ids, non_blocking=True)
