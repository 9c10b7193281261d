"""How the examples of a step are laid out in tensors: padded, or packed into long rows.

Both give the same sum of losses and the same gradients up to rounding. Packed, no time is spent on
padding; attention stays within each example (`training.train.attention`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from training.train.examples import IGNORED, Row

_PAD_ID = 0  # any: padding is neither looked at nor learned


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of tokens for one forward pass.

    `input_ids`, `labels` and `position_ids` have the shape (rows, tokens), int64. `lengths` are
    those of the examples in each row, in their order; what is left of a row is padding.
    `position_ids` start again with every example.
    """

    input_ids: Tensor
    labels: Tensor
    position_ids: Tensor
    lengths: tuple[tuple[int, ...], ...]

    @property
    def reply_tokens(self) -> int:
        """How many tokens carry a loss."""
        return int((self.labels != IGNORED).sum())

    @property
    def tokens(self) -> int:
        """How many tokens there are, padding not counted."""
        return sum(map(sum, self.lengths))

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        ids, labels, positions = (
            t.to(device) for t in (self.input_ids, self.labels, self.position_ids)
        )
        return Batch(ids, labels, positions, self.lengths)


class Layout(Protocol):
    """A way to lay examples out."""

    def batches(self, rows: Sequence[Row]) -> list[Batch]:
        """Batches that hold every row once."""
        ...


@dataclass(frozen=True, slots=True)
class Padded:
    """`batch_size` examples at once, each padded to the longest of them, or to `width`."""

    batch_size: int
    width: int | None = None

    def batches(self, rows: Sequence[Row]) -> list[Batch]:
        """In the order of the rows."""
        groups = (
            rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)
        )
        return [_lay_out([[row] for row in group], self.width) for group in groups]


@dataclass(frozen=True, slots=True)
class Packed:
    """Long rows of at most `row_tokens` tokens, one at a time, full of whole examples.

    A longer example gets a row to itself. The rows are padded to a multiple of `multiple`, so that
    only few shapes occur.
    """

    row_tokens: int
    multiple: int = 1

    def batches(self, rows: Sequence[Row]) -> list[Batch]:
        """First fit, the longest first; rows of equal length in their order."""
        return [
            _lay_out([[rows[place] for place in places]], None, self.multiple)
            for places in plan([len(row["input_ids"]) for row in rows], self.row_tokens)
        ]


def plan(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Which examples share a row of `room` tokens: lists of places, each place once.

    First-fit decreasing (Johnson, 1973): at most 11/9 of the fewest rows there could be, plus one.
    """
    rows: list[list[int]] = []
    left: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        length = lengths[place]
        row = next((row for row, free in enumerate(left) if free >= length), len(rows))
        if row == len(rows):
            rows.append([])
            left.append(room)
        rows[row].append(place)
        left[row] -= length
    return [sorted(places) for places in rows]


def _lay_out(rows: Sequence[Sequence[Row]], width: int | None, multiple: int = 1) -> Batch:
    lengths = tuple(tuple(len(example["input_ids"]) for example in row) for row in rows)
    longest = max(map(sum, lengths))
    tokens = max(width or 0, -(-longest // multiple) * multiple)
    shape = (len(rows), tokens)
    batch = Batch(
        torch.full(shape, _PAD_ID), torch.full(shape, IGNORED), torch.zeros(shape).long(), lengths
    )
    for place, row in enumerate(rows):
        _fill(batch.input_ids[place], (example["input_ids"] for example in row))
        _fill(batch.labels[place], (example["labels"] for example in row))
        _fill(batch.position_ids[place], (range(length) for length in lengths[place]))
    return batch


def _fill(target: Tensor, parts: Iterable[Iterable[int]]) -> None:
    values = [value for part in parts for value in part]
    target[: len(values)] = torch.tensor(values)
