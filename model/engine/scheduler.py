"""Decides which rows compute how many tokens in the next step. No tensors, no clock."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from model.engine.cache import BlockPool
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
    """

    def __init__(
        self, pool: BlockPool, *, max_running: int, max_waiting: int, prefill_chunk: int,
        small_step: int = 0,
    ) -> None:  # fmt: skip
        self._pool = pool
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
        scheduled.extend(_prefill(prompts, chunk))
        return scheduled

    def remove(self, sequence: Sequence) -> None:
        """End a waiting or running row and give its cache blocks back."""
        if sequence.state is SequenceState.WAITING:
            self.waiting.remove(sequence)
        elif sequence.state is SequenceState.RUNNING:
            self.running.remove(sequence)
            if sequence.blocks is not None:
                self._pool.release(sequence.blocks)
        sequence.state = SequenceState.FINISHED

    def _admit(self) -> None:
        while (
            self.waiting
            and len(self.running) < self._max_running
            and self._pool.can_allocate(self.waiting[0].most_tokens)
        ):
            sequence = self.waiting.popleft()
            sequence.start(self._pool.allocate(sequence.most_tokens))
            self.running.append(sequence)

    def _chunk(self, decoding: int, pending: int) -> int:
        """How many prompt tokens the next step reads, of `pending` ones."""
        spare = self._small_step - decoding
        return spare if 0 < pending <= _MOST_SMALL_STEPS * spare else self._prefill_chunk


def _prefill(rows: Iterable[Sequence], chunk: int) -> Iterable[ScheduledRow]:
    for row in rows:
        if chunk == 0:
            return
        count = min(row.pending, chunk)
        chunk -= count
        yield ScheduledRow(row, count)
