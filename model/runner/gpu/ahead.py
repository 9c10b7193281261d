"""Begins a step before the one under way was read, as the device knows what follows.

A step leaves on the device what the next one needs: each row's token, position and counts. While
the same rows go on, the next step can so begin before the host has seen the tokens, and only then
the host reads them. A row that turns out to have ended has one step too many: what that writes lies
within the row's own cache blocks, and nobody reads it.

A step has places for tokens. A row that decodes takes one, a prompt one for each token that it
reads: the keys and values of a layer are written before any place attends, so that each sees those
before it. Prompts so join the next step of the rows that decode, which do not wait for them: the
first token of such a row comes from the call after the one that brought the end of its prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from torch import Tensor

from model.engine.batch import BatchRow, NextToken
from model.runner.gpu.inputs import DecodeRow


class Arriving(Protocol):
    """What a step that was started gives."""

    def tokens(self) -> list[int]:
        """Wait for the tokens, in the order of the places; negative where there is none."""
        ...

    def logits(self, place: int) -> Tensor:
        """The float32 logits (vocab,) of a place, on the host; until the next step is started."""
        ...


class StepDevice(Protocol):
    """What computes decode steps; its calls take effect in their order."""

    def write(self, rows: Sequence[DecodeRow]) -> None:
        """Say what the next step's places hold."""
        ...

    def start(self) -> Arriving:
        """Start a step with the places as written, or as the step before has left them."""
        ...


class RowPolicy(Protocol):
    """What the runner knows of rows."""

    def places(self, row: BatchRow) -> list[DecodeRow]:
        """A row's tokens, as the device is told of them."""
        ...

    def on_host(self, row: BatchRow) -> bool:
        """Whether the host chooses the row's next token, from its logits."""
        ...

    def choose(self, row: BatchRow, logits: Tensor) -> NextToken:
        """Choose that token from float32 logits (vocab,) on the host."""
        ...


Key = tuple[str, int]  # a row, and the position of the token that it is given


@dataclass(slots=True)
class _Running:
    """A step under way: which place answers for which row, and whether the device moves them on."""

    answers: dict[Key, int]
    moves: bool
    arriving: Arriving
    ended: set[str] = field(default_factory=set[str])

    def holds(self, row: BatchRow) -> bool:
        return _key(row) in self.answers and row.id not in self.ended

    def tokens(self, rows: Sequence[BatchRow]) -> dict[str, NextToken]:
        """Wait for the tokens of rows that it holds."""
        found = self.arriving.tokens() if rows else []
        tokens = {row.id: found[self.answers[_key(row)]] for row in rows}
        return {id_: None if token < 0 else token for id_, token in tokens.items()}


class StepAhead:
    """Gives rows their tokens, `most` places at once, looking one step ahead."""

    def __init__(self, device: StepDevice, policy: RowPolicy, most: int) -> None:
        self._device, self._policy, self._most = device, policy, most
        self._running: _Running | None = None
        self._may_go_on = True

    def compute(self, batch: Sequence[BatchRow], *, alone: bool) -> dict[str, NextToken]:
        """The next tokens of rows that sample.

        With `alone`, nothing else is computed before the rows' next step, so that step begins. A
        row whose token is still under way is left out; it comes again without `input_ids`.
        """
        running, self._running = self._running, None
        begun = [row for row in batch if running is not None and running.holds(row)]
        rest = [row for row in batch if running is None or not running.holds(row)]
        alone = alone and not any(self._policy.on_host(row) for row in batch if row.samples)
        if alone and running is not None and self._same(running, batch):
            self._running = self._start([_next(row) for row in batch], moves=True)
        tokens = {} if running is None else running.tokens(begun)
        joins = alone and (begun or not any(row.samples for row in rest))
        joins = joins and len(begun) + _places(rest) <= self._most
        if not joins:
            tokens |= self._now(rest)
        if alone and self._running is None:
            going = [
                _next(row, token) for row in batch if isinstance(token := tokens.get(row.id), int)
            ]
            self._go_on(going, rest if joins else [])
        return tokens

    def forget(self, request_id: str) -> None:
        """Drop what was begun for a row that has ended: its id may come again."""
        if self._running is not None:
            self._running.ended.add(request_id)

    def write_again(self) -> None:
        """Do not go on from what the device holds: the rows' description has changed."""
        self._may_go_on = False

    def _now(self, rows: Sequence[BatchRow]) -> dict[str, NextToken]:
        """Compute rows in as many steps as they need, and wait for their tokens."""
        tokens: dict[str, NextToken] = {}
        for part in _parts(rows, self._most):
            self._write(part)
            step = self._start(part, moves=False)
            sampling = [row for row in part if row.samples]
            tokens |= step.tokens([row for row in sampling if not self._policy.on_host(row)])
            for row in sampling:
                if self._policy.on_host(row):
                    logits = step.arriving.logits(step.answers[_key(row)])
                    tokens[row.id] = self._policy.choose(row, logits)
        return tokens

    def _go_on(self, going: list[BatchRow], joining: list[BatchRow]) -> None:
        """Begin the next step of the rows that decode, together with others that fit in."""
        if len(going) <= self._most and (rows := going + joining):
            self._write(rows)
            self._running = self._start(rows, moves=not joining)

    def _write(self, rows: Sequence[BatchRow]) -> None:
        self._device.write([place for row in rows for place in self._policy.places(row)])
        self._may_go_on = True

    def _start(self, rows: Sequence[BatchRow], *, moves: bool) -> _Running:
        answers: dict[Key, int] = {}
        place = -1
        for row in rows:
            place += len(row.input_ids)
            if row.samples:
                answers[_key(row)] = place
        return _Running(answers, moves, self._device.start())

    def _same(self, running: _Running, batch: Sequence[BatchRow]) -> bool:
        """Whether the device can go on by itself: it holds just these rows, in this order."""
        keys = [_key(row) for row in batch]
        kept = not running.ended.intersection(row.id for row in batch)
        return self._may_go_on and running.moves and kept and list(running.answers) == keys


def _key(row: BatchRow) -> Key:
    return row.id, row.end - 1


def _next(row: BatchRow, token: int = 0) -> BatchRow:
    """The row when its next token is decoded; that is 0 where only the device knows it."""
    return replace(row, input_ids=[token], position=row.end, samples=True)


def _places(rows: Sequence[BatchRow]) -> int:
    return sum(len(row.input_ids) for row in rows)


def _parts(rows: Sequence[BatchRow], most: int) -> list[list[BatchRow]]:
    """Rows in groups of at most `most` tokens; longer ones are cut into pieces."""
    parts: list[list[BatchRow]] = []
    room = 0
    for row in rows:
        for piece in _pieces(row, most):
            if len(piece.input_ids) > room:
                parts.append([])
                room = most
            parts[-1].append(piece)
            room -= len(piece.input_ids)
    return parts


def _pieces(row: BatchRow, most: int) -> list[BatchRow]:
    ids = row.input_ids
    if not ids:
        raise RuntimeError(f"the token of row {row.id} is lost, with the step that made it")
    return [
        replace(
            row,
            input_ids=ids[at : at + most],
            position=row.position + at,
            samples=row.samples and at + most >= len(ids),
        )
        for at in range(0, len(ids), most)
    ]
