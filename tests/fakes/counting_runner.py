"""A runner without tensors that watches over the engine: every batch must make sense."""

import hashlib
from dataclasses import dataclass

from model.engine.api import AdapterCard, TokenRequest
from model.engine.batch import BatchRow


def next_token(seen: list[int], variant: str, vocab: int) -> int:
    """A pure function of all the tokens a row was shown, and of its variant."""
    digest = hashlib.sha256(f"{variant}:{seen}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % vocab


def voice(adapter: AdapterCard | None) -> str:
    """Who speaks: "base", or the adapter's hash."""
    return "base" if adapter is None else adapter.hash


def answer_alone(
    request: TokenRequest, vocab: int, eos_ids: set[int], hash_: str | None = None
) -> list[int]:
    """What a row must say, whoever runs beside it; without the token that ended it.

    `hash_` is that of the adapter it began with, where that is not called like its variant.
    """
    seen, said = list(request.input_ids), []
    while len(said) < request.params.max_tokens:
        token = next_token(seen, hash_ or request.variant, vocab)
        if token in eos_ids:
            break
        seen.append(token)
        said.append(token)
    return said


@dataclass
class _Row:
    request: TokenRequest
    shown: list[int]
    cache_start: int | None = None
    voice: str | None = None

    @property
    def slots(self) -> range:
        """All the cache slots it may ever use."""
        start = self.cache_start or 0
        most = len(self.request.input_ids) + self.request.params.max_tokens
        return range(start, start + most)


class CountingRunner:
    """Implements `model.engine.batch.Runner` over `next_token`.

    Its cache remembers for each slot which tokens lead there, and with which adapter.

    AssertionError when a row leaves a gap, repeats or invents a token, moves its row in the
    cache, changes its adapter or uses a removed one, uses slots outside the cache or those of
    another live row, samples at the wrong time, or when its slots do not hold what it builds upon.
    `steps` keeps every step's batch, `copies` every copy as (source, to, count), `removed` every
    removed adapter.
    """

    def __init__(self, vocab: int, cache_tokens: int) -> None:
        self.vocab = vocab
        self.steps: list[list[BatchRow]] = []
        self.copies: list[tuple[int, int, int]] = []
        self.removed: list[AdapterCard] = []
        self._cache_tokens = cache_tokens
        self._cells: list[int | None] = [None] * cache_tokens
        self._rows: dict[str, _Row] = {}

    @property
    def live(self) -> set[str]:
        """Ids of the rows that have begun and not ended."""
        return set(self._rows)

    def begin(self, request: TokenRequest) -> None:
        """Expect tokens of this row."""
        assert request.id not in self._rows, f"row {request.id} begins twice"
        self._rows[request.id] = _Row(request, [])

    def end(self, request_id: str) -> None:
        """Expect no more of them."""
        self._rows.pop(request_id, None)

    def copy(self, source: int, to: int, count: int) -> None:
        """Copy what the slots remember."""
        assert count > 0, "a copy of nothing"
        assert min(source, to) >= 0, "cache slots that do not exist"
        assert max(source, to) + count <= self._cache_tokens, "cache slots that do not exist"
        self.copies.append((source, to, count))
        self._cells[to : to + count] = self._cells[source : source + count]

    def remove_adapter(self, card: AdapterCard) -> None:
        """Expect no more rows of this adapter."""
        assert card not in self.removed, f"{card} is removed twice"
        self.removed.append(card)

    def run(self, batch: list[BatchRow]) -> dict[str, int | None]:
        """Check the step and answer it."""
        self.steps.append(batch)
        assert batch, "a step without work"
        ids = [item.id for item in batch]
        assert len(set(ids)) == len(ids), f"a row twice in one step: {ids}"
        for item in batch:
            self._take(item)
        self._check_cache()
        return {
            item.id: next_token(self._rows[item.id].shown, voice(item.adapter), self.vocab)
            for item in batch
            if item.samples
        }

    def _take(self, item: BatchRow) -> None:
        row = self._rows[item.id]
        name = "base" if item.adapter is None else item.adapter.name
        assert name == row.request.variant
        speaks = voice(item.adapter)
        assert row.voice in (None, speaks), f"row {item.id} changed its adapter"
        assert item.adapter not in self.removed, f"row {item.id} uses a removed adapter"
        row.voice = speaks
        assert item.input_ids, "a row without tokens"
        if row.cache_start is None:
            row.shown.extend(row.request.input_ids[: item.position])
            row.cache_start = item.cache_start
        assert item.position == len(row.shown), f"row {item.id} has a gap or a repetition"
        expected = list(row.request.input_ids[item.position :][: len(item.input_ids)])
        if not expected:
            expected = [next_token(row.shown, speaks, self.vocab)]
        assert item.input_ids == expected, f"row {item.id} is shown other tokens"
        assert item.cache_start == row.cache_start, f"row {item.id} moved in the cache"
        self._check_held(row)
        row.shown.extend(item.input_ids)
        self._write(row, item.position)
        assert item.samples == (len(row.shown) >= len(row.request.input_ids))

    def _check_held(self, row: _Row) -> None:
        begin = row.slots.start
        held = self._cells[begin : begin + len(row.shown)]
        assert held == _cells(row), f"row {row.request.id} builds upon what its cache does not hold"

    def _write(self, row: _Row, position: int) -> None:
        begin = row.slots.start + position
        fresh = _cells(row)[position:]
        assert begin + len(fresh) <= self._cache_tokens, "cache slots that do not exist"
        self._cells[begin : begin + len(fresh)] = fresh

    def _check_cache(self) -> None:
        placed = [row for row in self._rows.values() if row.cache_start is not None]
        placed.sort(key=lambda row: row.slots.start)
        end = 0
        for row in placed:
            assert row.slots.start >= end, f"row {row.request.id} uses another's cache"
            end = row.slots.stop
        assert end <= self._cache_tokens, "cache slots that do not exist"


def _cells(row: _Row) -> list[int]:
    """What the slots of a row's tokens remember: each token, those before it, and the adapter."""
    cells, last = list[int](), hash(row.voice)
    for token in row.shown:
        last = hash((last, token))
        cells.append(last)
    return cells
