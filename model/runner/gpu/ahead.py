"""Begins a step before the one under way was read, as the device knows what follows.

A step leaves on the device what the next one needs: each row's token, position and counts. While
the same rows go on, the next step can so begin before the host has seen the tokens, and only then
the host reads them. A row that turns out to have ended has one step too many: what that writes lies
within the row's own cache blocks, and nobody reads it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from model.engine.batch import BatchRow
from model.runner.gpu.inputs import DecodeRow


class Arriving(Protocol):
    """The tokens of a step that was started."""

    def tokens(self) -> list[int]:
        """Wait for them; they come in the order of the rows that were written."""
        ...


class StepDevice(Protocol):
    """What computes decode steps; its calls take effect in their order."""

    def write(self, rows: Sequence[DecodeRow]) -> None:
        """Say which rows the next step has."""
        ...

    def start(self) -> Arriving:
        """Start a step with the rows as written, or as the step before has left them."""
        ...


# A row, its last token and where that stands, as the device is told of it.
DescribeRow = Callable[[BatchRow, int, int], DecodeRow]


@dataclass(slots=True)
class _Running:
    keys: list[tuple[str, int]]
    arriving: Arriving
    ended: set[str] = field(default_factory=set[str])

    def going(self) -> set[tuple[str, int]]:
        return {key for key in self.keys if key[0] not in self.ended}

    def tokens(self) -> dict[str, int]:
        return {id_: token for (id_, _), token in zip(self.keys, self.arriving.tokens())}  # noqa: B905 - the device has more places than rows


class StepAhead:
    """Gives decoding rows their tokens, `most_rows` at once, looking one step ahead."""

    def __init__(self, device: StepDevice, describe: DescribeRow, most_rows: int) -> None:
        self._device, self._describe, self._most = device, describe, most_rows
        self._running: _Running | None = None
        self._moves_on = True

    def decode(self, batch: Sequence[BatchRow], *, alone: bool) -> dict[str, int]:
        """The next token of each row, which has one token to read; negative where it has none.

        With `alone`, nothing else is computed before the rows' next step, so that step begins.
        """
        running, self._running = self._running, None
        alone = alone and 0 < len(batch) <= self._most
        held = set[tuple[str, int]]() if running is None else running.going()
        begun = [row for row in batch if (row.id, row.position) in held]
        fresh = [row for row in batch if (row.id, row.position) not in held]
        if alone and running is not None and self._moves_on and _same(running, batch):
            self._running = self._start([(row.id, row.position + 1) for row in batch])
        known = running.tokens() if running is not None and begun else {}
        tokens = {row.id: known[row.id] for row in begun}
        for first in range(0, len(fresh), self._most):
            tokens |= self._now(fresh[first : first + self._most])
        going = [row for row in batch if tokens[row.id] >= 0]
        if alone and going and self._running is None:
            self._write([(row, tokens[row.id], row.position + 1) for row in going])
            self._running = self._start([(row.id, row.position + 1) for row in going])
        return {row.id: tokens[row.id] for row in batch}

    def forget(self, request_id: str) -> None:
        """Drop what was begun for a row that has ended: its id may come again."""
        if self._running is not None:
            self._running.ended.add(request_id)

    def write_again(self) -> None:
        """Do not go on from what the device holds: the rows' description has changed."""
        self._moves_on = False

    def _now(self, rows: Sequence[BatchRow]) -> dict[str, int]:
        self._write([(row, row.input_ids[0], row.position) for row in rows])
        return self._start([(row.id, row.position) for row in rows]).tokens()

    def _write(self, rows: Sequence[tuple[BatchRow, int, int]]) -> None:
        self._device.write([self._describe(*row) for row in rows])
        self._moves_on = True

    def _start(self, keys: list[tuple[str, int]]) -> _Running:
        return _Running(keys, self._device.start())


def _same(running: _Running, batch: Sequence[BatchRow]) -> bool:
    keys = [(row.id, row.position) for row in batch]
    return running.keys == keys and not running.ended.intersection(row.id for row in batch)
