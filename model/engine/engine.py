"""The engine: continuous batching of rows over one runner."""

import logging
from collections.abc import Collection, Iterable

from model.engine.api import (
    BASE,
    AdapterCard,
    EngineLoad,
    FinishReason,
    ReadyAdapter,
    TokenOutput,
    TokenRequest,
)
from model.engine.batch import BatchRow, Runner, ScoredToken
from model.engine.cache import BlockPool
from model.engine.isolation import run_apart
from model.engine.kept import BlockCopy
from model.engine.scheduler import ScheduledRow, Scheduler
from model.engine.sequence import Sequence
from model.errors import (
    BadParameter,
    ContextLengthExceeded,
    EngineFailed,
    RequestError,
    UnknownModel,
)
from model.sampling import SamplingParams

log = logging.getLogger(__name__)

_NOT_SAMPLED = "this answer cannot go on: the model's numbers for its next token are not usable"
_RAISED = "this answer cannot be computed"
_PROBE = TokenRequest("self-check", (0,), BASE, SamplingParams(max_tokens=1, temperature=0))


class TokenEngine:
    """Runs rows of all variants in one batch; rows join and leave between steps.

    Implements `model.engine.api.Engine`. The context is never longer than the whole cache.
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
        """Queue a row and return the adapter that answers it to its end, None for the base.

        Raises UnknownModel, BadParameter for an empty prompt or an id in use,
        ContextLengthExceeded, EngineQueueFull, or EngineFailed where the runner cannot begin it;
        then nothing has changed.
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
        try:
            self._runner.begin(request)
        except RequestError:
            self._remove(request.id)
            raise
        except Exception as error:  # one row's border: its sender is told, the others go on
            log.exception("row %s cannot begin", request.id)
            self._remove(request.id)
            raise EngineFailed("this answer could not begin") from error
        return sequence.adapter

    def add_adapter(self, ready: ReadyAdapter) -> None:
        """Give new rows of the adapter's name to it; older rows keep the one they began with."""
        before = self._serving.get(ready.card.name)
        if not self._in_use(ready.card):
            ready.place()
        self._serving[ready.card.name] = ready.card
        self._retire(before)

    def remove_adapter(self, name: str) -> None:
        """Take no new rows under this name; older rows keep their adapter. Unknown: ignored."""
        self._retire(self._serving.pop(name, None))

    def abort(self, request_id: str, *, complete: bool = False) -> None:
        """End a row; its one ABORT output comes from the next step. An unknown id is ignored.

        With `complete`, what it has computed may serve other rows.
        """
        if request_id in self._rows:
            self._remove(request_id, keep=complete)
            self._aborted.append(request_id)

    def step(self) -> list[TokenOutput]:
        """Run one forward pass; return one output for each row that got a token or ended.

        A row that cannot be computed ends with ERROR, and the others go on. Raises the runner's
        exception only where the runner cannot compute a row of the engine's own either.
        """
        outputs = [TokenOutput(id_, None, FinishReason.ABORT) for id_ in self._aborted]
        self._aborted.clear()
        scheduled = self._scheduler.plan()
        self._copy(self._scheduler.take_copies())
        if scheduled:
            batch = [_batch_row(row, self._pool.block_size) for row in scheduled]
            tokens, failed = run_apart(self._runner.run, batch)
            for row in scheduled:
                row.sequence.computed += row.count
            outputs.extend(self._take(id_, token) for id_, token in tokens.items())
            outputs.extend(self._fail(id_, _RAISED) for id_ in failed)
            if failed:
                self._scheduler.distrust()
                self._check_runner(next(iter(failed.values())))
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

    def _take(self, request_id: str, chosen: int | ScoredToken | None) -> TokenOutput:
        if chosen is None:
            return self._fail(request_id, _NOT_SAMPLED)
        scored = isinstance(chosen, ScoredToken)
        token, scores = (chosen.id, chosen.scores) if scored else (chosen, None)
        sequence, end = self._rows[request_id], None
        if token in self._eos_ids:
            token, scores, end = None, None, FinishReason.STOP
        else:
            sequence.generated.append(token)
            end = FinishReason.LENGTH if sequence.is_full else None
        if end is not None:
            self._remove(request_id, keep=True)
        return TokenOutput(request_id, token, end, scores=scores, cached_tokens=sequence.reused)

    def _fail(self, request_id: str, reason: str) -> TokenOutput:
        self._remove(request_id)
        return TokenOutput(request_id, None, FinishReason.ERROR, reason)

    def _copy(self, copies: list[BlockCopy]) -> None:
        """Copy in the cache what rows share; where that fails, they compute it themselves."""
        size = self._pool.block_size
        try:
            for one in copies:
                self._runner.copy(one.source * size, one.to * size, one.count * size)
        except Exception:  # no row's fault: they go on without
            log.exception("the cache cannot be copied: shared prompts are computed again")
            self._scheduler.distrust()

    def _check_runner(self, fault: Exception) -> None:
        """Compute a base row of one token, in cache blocks that a failed row has left.

        Raises `fault` when that is not possible: then no row caused it.
        """
        blocks = self._pool.allocate(1)
        start = blocks.start * self._pool.block_size
        try:
            self._runner.begin(_PROBE)
            self._runner.run([BatchRow(_PROBE.id, None, list(_PROBE.input_ids), 0, start, True)])
        except Exception:
            log.exception("the runner computes nothing any more")
            raise fault from None
        finally:
            self._runner.end(_PROBE.id)
            self._pool.release(blocks)

    def _remove(self, request_id: str, *, keep: bool = False) -> None:
        sequence = self._rows.pop(request_id)
        self._scheduler.remove(sequence, keep=keep and self._is_served(sequence.adapter))
        self._runner.end(request_id)
        self._release(sequence.adapter)

    def _in_use(self, card: AdapterCard) -> bool:
        return self._serving.get(card.name) == card or any(
            row.adapter == card for row in self._rows.values()
        )

    def _is_served(self, card: AdapterCard | None) -> bool:
        return card is None or self._serving.get(card.name) == card

    def _retire(self, card: AdapterCard | None) -> None:
        if card is not None and not self._is_served(card):
            self._scheduler.forget(card)
        self._release(card)

    def _release(self, card: AdapterCard | None) -> None:
        if card is not None and not self._in_use(card):
            self._runner.remove_adapter(card)


def _batch_row(scheduled: ScheduledRow, block_size: int) -> BatchRow:
    row = scheduled.sequence
    if row.blocks is None:
        raise RuntimeError(f"row {row.request.id!r} runs without cache")
    return BatchRow(
        id=row.request.id,
        adapter=row.adapter,
        input_ids=row.next_ids(scheduled.count),
        position=row.computed,
        cache_start=row.blocks.start * block_size,
        samples=scheduled.completes,
    )
