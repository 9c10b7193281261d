"""A device for decode steps whose cache holds tokens: what a row says shows what it was shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model.engine.api import TokenRequest
from model.engine.batch import BatchRow
from model.runner.gpu.inputs import DecodeRow, SamplerParameters
from model.runner.lora import LoraAdapters
from tests.fakes.counting_runner import next_token, voice

PLACES = 8  # of tokens that a step brings, more than rows
STALE = 31  # what a place brings whose token nobody wants: one of an earlier step


def sampled(best: int, step: int, counted: Sequence[int], vocab: int) -> int:
    """What the sampler makes of the best token: every token counted before changes it."""
    return (best + step + 3 * sum(counted) + 5 * len(counted)) % vocab


def answer_on_device(request: TokenRequest, vocab: int, hash_: str = "base") -> list[int]:
    """What a row must say, whoever runs beside it, up to `max_tokens`."""
    said: list[int] = []
    while len(said) < request.params.max_tokens:
        best = next_token([*request.input_ids, *said], hash_, vocab)
        said.append(sampled(best, len(said), said, vocab))
    return said


@dataclass(frozen=True)
class _Arriving:
    device: "ListDevice"
    number: int
    brought: list[int]
    best: list[int]

    def tokens(self) -> list[int]:
        self.device.log.append(f"read {self.number}")
        return list(self.brought)

    def logits(self, place: int) -> Tensor:
        assert self.number == self.device.started, "a later step has overwritten them"
        return torch.eye(self.device.vocab)[self.best[place]]


class ListDevice:
    """Implements `SamplingDevice` and `PromptReader` over lists.

    A step writes each row's token into the cache, answers from all that the row's slots hold, and
    moves the row on, as a GPU does. `log` tells when steps are started and read. A row whose counts
    are in a slot of `broken` gets no token.
    """

    def __init__(self, vocab: int, cache_tokens: int, block_tokens: int) -> None:
        self.vocab = vocab
        self.log: list[str] = []
        self.broken: set[int] = set()
        self.counted: dict[int, list[int]] = {}
        self._cache = [-1] * cache_tokens
        self._block_tokens = block_tokens
        self._rows: list[DecodeRow] = []
        self._voices: list[str] = []
        self.started = 0

    def write(self, rows: Sequence[DecodeRow]) -> None:
        """Take these rows for the next step."""
        assert 0 < len(rows) <= PLACES
        assert all(0 <= row.token < self.vocab for row in rows), "a token that does not exist"
        self._rows = list(rows)

    def start(self) -> _Arriving:
        """Compute a step."""
        self.started += 1
        self.log.append(f"start {self.started}")
        for row in self._rows:
            assert row.slot == row.block * self._block_tokens + row.position
            self._cache[row.slot] = row.token
        best = [self._best(row) for row in self._rows]
        tokens = [self._step(i, token) for i, token in enumerate(best)]
        return _Arriving(self, self.started, tokens + [0] * (PLACES - len(tokens)), best)

    def forward(self, batch: list[BatchRow]) -> Tensor:
        """Write the tokens into the cache; the logits of rows with `samples` know one token."""
        best: list[int] = []
        for row in batch:
            begin, end = row.cache_start + row.position, row.position + len(row.input_ids)
            self._cache[begin : row.cache_start + end] = row.input_ids
            if row.samples:
                seen = self._cache[row.cache_start : row.cache_start + end]
                best.append(next_token(seen, voice(row.adapter), self.vocab))
        return torch.eye(self.vocab)[best]

    def copy(self, source: int, to: int, count: int) -> None:
        """Copy slots of the cache."""
        self._cache[to : to + count] = self._cache[source : source + count]

    def sample(self, logits: Tensor, parameters: Sequence[SamplerParameters]) -> list[int]:
        """Choose and count."""
        return [
            self._sample(int(row.argmax()), given)
            for row, given in zip(logits, parameters, strict=True)
        ]

    def open(self, slot: int, request: TokenRequest) -> None:
        """Forget what was counted in a slot."""
        self.counted[slot] = []

    def use_adapters(self, adapters: LoraAdapters) -> None:
        """Take their hashes in their order."""
        self._voices = [card.hash for card in adapters.cards]

    def _best(self, row: DecodeRow) -> int:
        seen = self._cache[row.slot - row.position : row.slot + 1]
        speaks = "base" if row.adapter < 0 else self._voices[row.adapter]
        return next_token(seen, speaks, self.vocab)

    def _step(self, i: int, best: int) -> int:
        row = self._rows[i]
        given = row.sampling
        if given.slot < 0:
            return STALE  # the place stays as it is
        token = self._sample(best, given)
        moved = SamplerParameters(slot=given.slot, step=given.step + 1)
        self._rows[i] = replace(
            row, token=max(token, 0), position=row.position + 1, slot=row.slot + 1, sampling=moved
        )
        return token

    def _sample(self, best: int, given: SamplerParameters) -> int:
        if given.slot in self.broken:
            return -1
        counted = self.counted[given.slot]
        counted.append(sampled(best, given.step, counted, self.vocab))
        return counted[-1]
