"""Decides which rows compute how many tokens in the next step. No tensors, no clock."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from model.engine.api import AdapterCard
from model.engine.cache import BlockPool
from model.engine.kept import BlockCopy
from model.engine.reuse import PrefixReuse
from model.engine.sequence import Sequence, SequenceState
from model.errors import EngineQueueFull

_RETRY_AFTER_S = 5.0
_MOST_SMALL_STEPS = 10  # measured: docs/experiments.md, "Prompts in decode steps"


@dataclass(frozen=True, slots=True)
class ScheduledRow:
    """A row that computes its next `count` pending tokens in the coming step."""

    sequence: Sequence
    count: int

    @property
    def completes(self) -> bool:
        """Whether no token is pending after the step, so that it samples the next one."""
        return self.count == self.sequence.pending


class Scheduler:
    """First come, first served.

    Every decoding row gets one token in every step. All prompts together get `prefill_chunk`
    tokens a step, the oldest first: a long prompt takes several steps, and makes each of them
    longer by one chunk at most. Where the runner has a `small_step`, a number of tokens whose step
    takes little longer than one token's, few prompt tokens fill up such steps instead: a new row
    then hardly delays the others. The oldest waiting row starts as soon as fewer than `max_running`
    rows run and its cache blocks are free; no row overtakes another.

    A row begins behind what it shares with others (`reuse`), which is copied before the step. Where
    an older prompt that is being read has more of it, the row waits until that one is read.
    """

    def __init__(
        self, pool: BlockPool, reuse: PrefixReuse | None = None, /, *, max_running: int,
        max_waiting: int, prefill_chunk: int, small_step: int = 0,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._reuse = PrefixReuse(pool) if reuse is None else reuse
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._prefill_chunk = prefill_chunk
        self._small_step = small_step
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []

    def add(self, sequence: Sequence) -> None:
        """Queue a row.

        Raises EngineQueueFull when `max_waiting` rows wait already, not counting those that the
        next step can start.
        """
        free_places = self._max_running - len(self.running)
        if len(self.waiting) >= self._max_waiting + max(free_places, 0):
            raise EngineQueueFull(_RETRY_AFTER_S)
        self.waiting.append(sequence)

    def plan(self) -> list[ScheduledRow]:
        """Start the waiting rows that there is room for, and decide what the next step computes."""
        self._admit()
        scheduled = [ScheduledRow(row, row.pending) for row in self.running if row.is_decoding]
        prompts = [row for row in self.running if not row.is_decoding]
        chunk = self._chunk(len(scheduled), sum(row.pending for row in prompts))
        scheduled.extend(self._prefill(prompts, chunk))
        return scheduled

    def take_copies(self) -> list[BlockCopy]:
        """What is to be copied in the cache, in this order, before the planned step; once only."""
        return self._reuse.take_copies()

    def remove(self, sequence: Sequence, *, keep: bool = False) -> None:
        """End a waiting or running row and give its cache blocks back.

        With `keep`, what it has computed serves later rows until the blocks are needed.
        """
        if sequence.state is SequenceState.WAITING:
            self.waiting.remove(sequence)
        elif sequence.state is SequenceState.RUNNING:
            self.running.remove(sequence)
            if sequence.blocks is not None:
                self._pool.release(sequence.blocks)
                if keep:
                    self._reuse.keep(sequence, sequence.blocks)
        sequence.state = SequenceState.FINISHED

    def forget(self, card: AdapterCard) -> None:
        """Let nothing that was computed with this adapter serve later rows."""
        self._reuse.forget(card)

    def distrust(self) -> None:
        """Let nothing in the cache serve later rows, nor rows that no step has computed yet."""
        self._reuse.clear()
        for row in self.running:
            if row.is_untouched:
                row.reuse(0)

    def _admit(self) -> None:
        while (
            self.waiting
            and len(self.running) < self._max_running
            and self._pool.can_allocate(self.waiting[0].most_tokens)
        ):
            row = self.waiting.popleft()
            self._reuse.describe(row)
            shared = self._reuse.find(row, self.running)
            self._reuse.begin(row, self._pool.allocate(row.most_tokens), shared)
            self.running.append(row)

    def _chunk(self, decoding: int, pending: int) -> int:
        """How many prompt tokens the next step reads, of `pending` ones."""
        spare = self._small_step - decoding
        return spare if 0 < pending <= _MOST_SMALL_STEPS * spare else self._prefill_chunk

    def _prefill(self, rows: Iterable[Sequence], chunk: int) -> Iterable[ScheduledRow]:
        reading: list[Sequence] = []
        for row in rows:
            if chunk == 0:
                return
            shared = self._reuse.find(row, self.running) if row.is_untouched else None
            if self._reuse.should_wait(row, shared, reading):
                return
            if shared is not None:
                self._reuse.take(row, shared)
            count = min(row.pending, chunk)
            chunk -= count
            reading.append(row)
            yield ScheduledRow(row, count)
