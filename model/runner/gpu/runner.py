"""Runs batches on a GPU: decoding rows as replayed CUDA graphs, prompts as the plain runner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from model.engine.api import AdapterCard, TokenRequest
from model.engine.batch import BatchRow, Tokens
from model.errors import BadParameter
from model.runner.gpu.ahead import StepAhead, StepDevice
from model.runner.gpu.inputs import DecodeRow, SamplerParameters
from model.runner.lora import LoraAdapters


class SamplingDevice(StepDevice, Protocol):
    """A device that computes decode steps, samples prompts' logits and knows the adapters."""

    def sample(self, logits: Tensor, parameters: Sequence[SamplerParameters]) -> list[int]:
        """Choose tokens from float32 logits (rows, vocab); negative where there is none."""
        ...

    def open(self, slot: int, request: TokenRequest) -> None:
        """Begin counting a new row's tokens in `slot`."""
        ...

    def use_adapters(self, adapters: LoraAdapters) -> None:
        """Take the loaded adapters' weights; a step that runs keeps those it began with."""
        ...


class PromptReader(Protocol):
    """Computes rows with any number of tokens to read, such as `TorchRunner`."""

    def forward(self, batch: list[BatchRow]) -> Tensor:
        """Run one forward pass; return the logits of the rows with `samples`, in batch order."""
        ...

    def copy(self, source: int, to: int, count: int) -> None:
        """Copy cache slots (`model.engine.batch.Runner.copy`)."""
        ...


@dataclass(slots=True)
class _RowState:
    """A row, and whose counts of tokens are its; None until it first runs."""

    request: TokenRequest
    slot: int | None = None


class GraphRunner:
    """Implements `model.engine.batch.Runner` with decode steps that a device runs by itself.

    `prompts` computes all rows that have more than one token to read, over the same weights and
    cache. At most `max_rows` rows run at once, each in cache blocks of `block_tokens`; `most` of
    them fit into one step of the device.
    """

    def __init__(
        self, prompts: PromptReader, adapters: LoraAdapters, device: SamplingDevice, *,
        block_tokens: int, max_rows: int, most: int,
    ) -> None:  # fmt: skip
        self._prompts, self._adapters, self._device = prompts, adapters, device
        self._block_tokens = block_tokens
        self._rows: dict[str, _RowState] = {}
        self._free = list(range(max_rows))
        self._cards: tuple[AdapterCard, ...] = ()
        self._ahead = StepAhead(device, self._describe, most)

    def begin(self, request: TokenRequest) -> None:
        """Take note of a new row. Raises BadParameter for sampling that the kernels lack."""
        if not request.params.is_plain:
            raise BadParameter("logit_bias", "logit_bias needs GPU_COMPUTE=nf4")
        self._rows[request.id] = _RowState(request)

    def end(self, request_id: str) -> None:
        """Forget a row; an unknown id is ignored."""
        state = self._rows.pop(request_id, None)
        if state is not None and state.slot is not None:
            self._free.append(state.slot)
        self._ahead.forget(request_id)

    def copy(self, source: int, to: int, count: int) -> None:
        """Copy cache slots; a step that was begun before writes only behind what is copied."""
        self._prompts.copy(source, to, count)

    def remove_adapter(self, card: AdapterCard) -> None:
        """Free an adapter's weights; no later batch may name it."""
        self._adapters.remove(card)

    @torch.inference_mode()
    def run(self, batch: list[BatchRow]) -> Tokens:
        """Run one forward pass; return the sampled token of every row with `samples`, by id."""
        self.follow_adapters()
        for row in batch:
            self._open(row.id)
        decoding = [row for row in batch if _decodes(row)]
        prompts = [row for row in batch if not _decodes(row)]
        tokens: dict[str, int] = {}
        if decoding:
            tokens |= self._ahead.decode(decoding, alone=not prompts)
        if prompts:
            tokens |= self._read(prompts)
        return _chosen(tokens)

    def follow_adapters(self) -> None:
        """Bring the adapters that were added or removed to the device."""
        if self._adapters.cards != self._cards:
            self._device.use_adapters(self._adapters)
            self._cards = self._adapters.cards
            self._ahead.write_again()  # the rows' adapters have other numbers now

    def _read(self, batch: list[BatchRow]) -> dict[str, int]:
        logits = self._prompts.forward(batch)
        sampling = [row for row in batch if row.samples]
        if not sampling:
            return {}
        last = [row.position + len(row.input_ids) - 1 for row in sampling]
        parameters = [self._sampling(row, at) for row, at in zip(sampling, last, strict=True)]
        tokens = self._device.sample(logits, parameters)
        return {row.id: token for row, token in zip(sampling, tokens, strict=True)}

    def _open(self, request_id: str) -> None:
        # Not in `begin`: far more rows may wait than run.
        state = self._rows[request_id]
        if state.slot is None:
            if not self._free:
                raise RuntimeError("more rows run than the runner was built for")
            state.slot = self._free.pop()
            self._device.open(state.slot, state.request)

    def _sampling(self, row: BatchRow, position: int) -> SamplerParameters:
        """How the token behind `position` is sampled."""
        state = self._rows[row.id]
        request, slot = state.request, -1 if state.slot is None else state.slot
        return SamplerParameters.of(request.params, slot, position + 1 - len(request.input_ids))

    def _describe(self, row: BatchRow, token: int, position: int) -> DecodeRow:
        return DecodeRow(
            token=token,
            position=position,
            slot=row.cache_start + position,
            block=row.cache_start // self._block_tokens,
            adapter=-1 if row.adapter is None else self._cards.index(row.adapter),
            sampling=self._sampling(row, position),
        )


def _decodes(row: BatchRow) -> bool:
    return row.samples and len(row.input_ids) == 1


def _chosen(tokens: dict[str, int]) -> Tokens:
    """The tokens as the engine takes them: None where the logits are not numbers."""
    return {id_: None if token < 0 else token for id_, token in tokens.items()}
