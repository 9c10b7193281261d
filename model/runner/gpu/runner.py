"""Runs batches on a GPU: as places of replayed CUDA graphs, long prompts as the plain runner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from model.engine.api import AdapterCard, TokenRequest
from model.engine.batch import BatchRow, NextToken, Tokens
from model.runner.gpu.ahead import StepAhead, StepDevice
from model.runner.gpu.inputs import NOBODY, DecodeRow, SamplerParameters
from model.runner.lora import LoraAdapters
from model.runner.sampler import RowSampler, next_or_none


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
    """A row, and whose counts of tokens are its (None until it first runs), or who samples it."""

    request: TokenRequest
    slot: int | None = None
    sampler: RowSampler | None = None


class GraphRunner:
    """Implements `model.engine.batch.Runner` with decode steps that a device runs by itself.

    Rows take the places of a step; there are `most`. A batch with more tokens than that goes in
    part to `prompts`, which computes rows over the same weights and cache, and is faster for many.
    At most `max_rows` rows run at once, each in cache blocks of `block_tokens`. Rows whose sampling
    the kernels lack are sampled on the host, from `vocab_size` logits.
    """

    def __init__(
        self, prompts: PromptReader, adapters: LoraAdapters, device: SamplingDevice, *,
        block_tokens: int, max_rows: int, most: int, vocab_size: int,
    ) -> None:  # fmt: skip
        self._prompts, self._adapters, self._device = prompts, adapters, device
        self.most = most
        self._block_tokens, self._vocab_size = block_tokens, vocab_size
        self._rows: dict[str, _RowState] = {}
        self._free = list(range(max_rows))
        self._cards: tuple[AdapterCard, ...] = ()
        self._ahead = StepAhead(device, self, most)

    def begin(self, request: TokenRequest) -> None:
        """Prepare the sampling state of a new row."""
        sampler = None
        if not request.params.is_plain:
            sampler = RowSampler(
                request.params, request.input_ids, self._vocab_size, request.constraint
            )
        self._rows[request.id] = _RowState(request, sampler=sampler)

    def end(self, request_id: str) -> None:
        """Forget a row; an unknown id is ignored."""
        state = self._rows.pop(request_id, None)
        if state is not None and state.slot is not None:
            self._free.append(state.slot)
        self._ahead.forget(request_id)

    def copy(self, source: int, to: int, count: int) -> None:
        """Copy cache slots, behind the steps that were begun before."""
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
        in_places, read = self._divided(batch)
        tokens: dict[str, NextToken] = {}
        if in_places:
            tokens |= self._ahead.compute(in_places, alone=not read)
        if read:
            tokens |= self._read(read)
        return tokens

    def follow_adapters(self) -> None:
        """Bring the adapters that were added or removed to the device."""
        if self._adapters.cards != self._cards:
            self._device.use_adapters(self._adapters)
            self._cards = self._adapters.cards
            self._ahead.write_again()  # the rows' adapters have other numbers now

    def places(self, row: BatchRow) -> list[DecodeRow]:
        """A row's tokens as a step is told of them; only the last is sampled, if any."""
        last = row.end - 1
        on_device = row.samples and not self.on_host(row)
        sampling = self._sampling(row.id, last) if on_device else NOBODY
        adapter = -1 if row.adapter is None else self._cards.index(row.adapter)
        block = row.cache_start // self._block_tokens
        return [
            DecodeRow(
                token=token, position=at, slot=row.cache_start + at, block=block, adapter=adapter,
                sampling=sampling if at == last else NOBODY,
            )
            for at, token in enumerate(row.input_ids, row.position)
        ]  # fmt: skip

    def on_host(self, row: BatchRow) -> bool:
        """Whether the kernels lack what the row asks of its sampling."""
        return self._rows[row.id].sampler is not None

    def choose(self, row: BatchRow, logits: Tensor) -> NextToken:
        """The next token of a row that is sampled on the host, from float32 logits (vocab,)."""
        sampler = self._rows[row.id].sampler
        return None if sampler is None else next_or_none(sampler, row.id, logits)

    def _divided(self, batch: list[BatchRow]) -> tuple[list[BatchRow], list[BatchRow]]:
        """The rows for a step's places, and the prompts that are too many for them."""
        if sum(len(row.input_ids) for row in batch) <= self.most:
            return batch, []
        decoding = [row for row in batch if row.samples and len(row.input_ids) <= 1]
        return decoding, [row for row in batch if not row.samples or len(row.input_ids) > 1]

    def _read(self, batch: list[BatchRow]) -> dict[str, NextToken]:
        logits = self._prompts.forward(batch)
        tokens: dict[str, NextToken] = {}
        plain: list[tuple[str, SamplerParameters, Tensor]] = []
        for row, found in zip((row for row in batch if row.samples), logits, strict=True):
            if self.on_host(row):
                tokens[row.id] = self.choose(row, found.cpu())
            else:
                plain.append((row.id, self._sampling(row.id, row.end - 1), found))
        if plain:
            ids, parameters, rows = zip(*plain, strict=True)
            chosen = self._device.sample(torch.stack(rows), parameters)
            found = (None if token < 0 else token for token in chosen)
            tokens |= dict(zip(ids, found, strict=True))
        return tokens

    def _open(self, request_id: str) -> None:
        # Not in `begin`: far more rows may wait than run.
        state = self._rows[request_id]
        if state.slot is None:
            if not self._free:
                raise RuntimeError("more rows run than the runner was built for")
            state.slot = self._free.pop()
            self._device.open(state.slot, state.request)

    def _sampling(self, request_id: str, position: int) -> SamplerParameters:
        """How the token behind `position` is sampled."""
        state = self._rows[request_id]
        slot = -1 if state.slot is None else state.slot
        step = position + 1 - len(state.request.input_ids)
        return SamplerParameters.of(state.request.params, slot, step)
