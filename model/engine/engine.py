"""The engine: continuous batching of rows over one runner."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from model.engine.api import (
    BASE,
    AdapterCard,
    EngineLoad,
    FinishReason,
    ReadyAdapter,
    TokenOutput,
    TokenRequest,
)
from model.engine.cache import BlockPool
from model.engine.scheduler import Scheduler, Work
from model.engine.sequence import Sequence
from model.errors import BadParameter, ContextLengthExceeded, UnknownModel


@dataclass(frozen=True, slots=True)
class Slice:
    """What one row computes in one step, with `adapter` or, where it is None, with the base.

    `input_ids` stand at `position`, `position + 1`, … of their row; the row's cache slots begin
    at `cache_start` (in tokens). With `samples`, the step gives the row its next token.
    """

    id: str
    adapter: AdapterCard | None
    input_ids: list[int]
    position: int
    cache_start: int
    samples: bool


class Runner(Protocol):
    """Owns the tensors: weights, cache and each row's sampling state."""

    def begin(self, request: TokenRequest) -> None:
        """Prepare a row's sampling state."""
        ...

    def run(self, slices: list[Slice]) -> dict[str, int]:
        """One forward pass; the sampled token of every row whose slice samples."""
        ...

    def end(self, request_id: str) -> None:
        """Forget a row; an unknown one is ignored."""
        ...

    def drop(self, card: AdapterCard) -> None:
        """Free an adapter's weights: no slice will name it again."""
        ...


class TokenEngine:
    """Runs rows together: they join and leave between steps, whatever their variant.

    Implements `model.engine.api.Engine`.
    """

    def __init__(
        self,
        runner: Runner,
        scheduler: Scheduler,
        pool: BlockPool,
        *,
        adapters: Iterable[AdapterCard],
        max_context: int,
        eos_ids: Collection[int],
    ) -> None:
        self.max_context = min(max_context, pool.capacity)
        self._runner = runner
        self._scheduler = scheduler
        self._pool = pool
        self._eos_ids = frozenset(eos_ids)
        self._serving = {card.name: card for card in adapters}
        self._rows: dict[str, Sequence] = {}
        self._aborted: list[str] = []

    @property
    def variants(self) -> tuple[str, ...]:
        """The names a request may ask for, "base" first."""
        return (BASE, *self._serving)

    def add(self, request: TokenRequest) -> AdapterCard | None:
        """Take a row, or raise ContextLengthExceeded, UnknownModel, BadParameter or QueueFull.

        Returns the adapter that answers it to its end, None for the base.
        """
        if request.variant not in self.variants:
            raise UnknownModel(request.variant, self.variants)
        if not request.input_ids:
            raise BadParameter("messages", "the prompt is empty")
        if request.id in self._rows or request.id in self._aborted:
            raise BadParameter(None, f"a request {request.id!r} is running already")
        sequence = Sequence(request, self._serving.get(request.variant))
        if sequence.most_tokens > self.max_context:
            raise ContextLengthExceeded(self.max_context, sequence.most_tokens)
        self._scheduler.add(sequence)
        self._rows[request.id] = sequence
        self._runner.begin(request)
        return sequence.adapter

    def adopt(self, ready: ReadyAdapter) -> None:
        """Let an adapter answer under its name; rows that are here keep the one they began with."""
        before = self._serving.get(ready.card.name)
        if not self._in_use(ready.card):
            ready.place()
        self._serving[ready.card.name] = ready.card
        self._release(before)

    def drop(self, name: str) -> None:
        """Take no more rows for this adapter; those that are here keep it. Unknown: ignored."""
        self._release(self._serving.pop(name, None))

    def abort(self, request_id: str) -> None:
        """End a row; its one ABORT output comes from the next step. An unknown id is ignored."""
        if request_id in self._rows:
            self._remove(request_id)
            self._aborted.append(request_id)

    def step(self) -> list[TokenOutput]:
        """Run one forward pass, one output for each row that got a token or ended."""
        outputs = [TokenOutput(id_, None, FinishReason.ABORT) for id_ in self._aborted]
        self._aborted.clear()
        if work := self._scheduler.plan():
            tokens = self._runner.run([_slice(item, self._pool.block_size) for item in work])
            for item in work:
                item.sequence.computed += item.count
            outputs.extend(self._take(id_, token) for id_, token in tokens.items())
        return outputs

    def has_work(self) -> bool:
        """Whether a step would do something."""
        return bool(self._rows or self._aborted)

    def load(self) -> EngineLoad:
        """How full the engine is now."""
        return EngineLoad(
            running=len(self._scheduler.running),
            waiting=len(self._scheduler.waiting),
            cache_used=self._pool.used,
            cache_total=self._pool.total,
        )

    def _take(self, request_id: str, token: int) -> TokenOutput:
        sequence = self._rows[request_id]
        if token in self._eos_ids:
            self._remove(request_id)
            return TokenOutput(request_id, None, FinishReason.STOP)
        sequence.generated.append(token)
        if sequence.is_full:
            self._remove(request_id)
            return TokenOutput(request_id, token, FinishReason.LENGTH)
        return TokenOutput(request_id, token, None)

    def _remove(self, request_id: str) -> None:
        sequence = self._rows.pop(request_id)
        self._scheduler.remove(sequence)
        self._runner.end(request_id)
        self._release(sequence.adapter)

    def _in_use(self, card: AdapterCard) -> bool:
        return self._serving.get(card.name) == card or any(
            row.adapter == card for row in self._rows.values()
        )

    def _release(self, card: AdapterCard | None) -> None:
        if card is not None and not self._in_use(card):
            self._runner.drop(card)


def _slice(work: Work, block_size: int) -> Slice:
    row = work.sequence
    if row.extent is None:
        raise RuntimeError(f"row {row.request.id!r} runs without cache")
    return Slice(
        id=row.request.id,
        adapter=row.adapter,
        input_ids=row.next_ids(work.count),
        position=row.computed,
        cache_start=row.extent.start * block_size,
        samples=work.completes,
    )
