"""Runs batches through the compiled step."""

import torch
from torch import Tensor

from model.engine.api import AdapterCard
from model.engine.batch import BatchRow
from model.runner.cpu.buffers import StepBuffers
from model.runner.cpu.compiled import compiled_step
from model.runner.cpu.packing import PackedMatrix
from model.runner.eager import SamplingRunner
from model.runner.lora import LoraAdapters
from model.runner.weights import Weights


class PackedRunner(SamplingRunner):
    """Runs batches of rows with one call a step; implements `model.engine.batch.Runner`.

    A row's logits depend on its own tokens alone, to the last bit: not on the rows beside it, nor
    on the pieces in which its prompt was read. The weights are as `take_packed` takes them.
    """

    def __init__(
        self,
        weights: Weights,
        matrices: list[PackedMatrix],
        adapters: LoraAdapters,
        cache_tokens: int,
    ) -> None:
        super().__init__(weights.vocab_size)
        self._weights, self._adapters = weights, adapters
        self._run_step = compiled_step()
        self._buffers = StepBuffers(weights, matrices, cache_tokens, torch.get_num_threads())
        self.cache = self._buffers.cache

    def remove_adapter(self, card: AdapterCard) -> None:
        """Free an adapter's weights; no later batch may name it."""
        self._adapters.remove(card)

    @torch.inference_mode()
    def forward(self, batch: list[BatchRow]) -> Tensor:
        """Run one forward pass; return the logits of the rows with `samples`, in batch order.

        They are float32, of shape (sampling rows, vocab).
        """
        numbers = self._buffers.follow(self._adapters)
        rows = [(item, -1 if item.adapter is None else numbers[item.adapter]) for item in batch]
        logits = self._buffers.fill(rows)
        self._run_step(self._buffers.address, torch.get_num_threads())
        return logits
