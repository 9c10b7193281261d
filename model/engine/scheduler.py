"""Which rows compute how much in the next step. A policy without tensors or clock."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from model.engine.cache import BlockPool
from model.engine.sequence import Sequence, SequenceState
from model.errors import QueueFull

_RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Work:
    """A row's share of one step: its next `count` pending tokens."""

    sequence: Sequence
    count: int

    @property
    def completes(self) -> bool:
        """Whether nothing is pending afterwards, so that the step gives a token."""
        return self.count == self.sequence.pending


class Scheduler:
    """First come, first served.

    Every decoding row gets its one token in every step. Prompts share `prefill_chunk` tokens a
    step among them, oldest first: a long prompt takes several steps and delays the others'
    tokens by one chunk at most. A waiting row starts as soon as a place and its cache are free;
    none overtakes another.
    """

    def __init__(
        self, pool: BlockPool, *, max_running: int, max_waiting: int, prefill_chunk: int
    ) -> None:
        self._pool = pool
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._prefill_chunk = prefill_chunk
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []

    def add(self, sequence: Sequence) -> None:
        """Queue a row; QueueFull when it could not start at once and enough others wait."""
        free_places = self._max_running - len(self.running)
        if len(self.waiting) >= self._max_waiting + max(free_places, 0):
            raise QueueFull(_RETRY_AFTER_S)
        self.waiting.append(sequence)

    def plan(self) -> list[Work]:
        """Start whom there is room for and share out one step."""
        self._admit()
        work = [Work(row, row.pending) for row in self.running if row.is_decoding]
        work.extend(self._prefill(row for row in self.running if not row.is_decoding))
        return work

    def remove(self, sequence: Sequence) -> None:
        """End a row, wherever it is, and give its blocks back."""
        if sequence.state is SequenceState.WAITING:
            self.waiting.remove(sequence)
        elif sequence.state is SequenceState.RUNNING:
            self.running.remove(sequence)
            if sequence.extent is not None:
                self._pool.release(sequence.extent)
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

    def _prefill(self, rows: Iterable[Sequence]) -> Iterable[Work]:
        left = self._prefill_chunk
        for row in rows:
            if left == 0:
                return
            count = min(row.pending, left)
            left -= count
            yield Work(row, count)
