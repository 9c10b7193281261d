"""How the examples of a step are laid out in tensors: padded, or packed into long rows.

Both give the same sum of losses and the same gradients up to rounding. Packed rows waste no time on
padding; attention stays within each example (`training.train.attention`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from training.train.examples import IGNORED, TokenizedExample

_PAD_ID = 0  # any id would do: padding is neither attended to nor learned


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of tokens for one forward pass.

    `input_ids`, `labels` and `position_ids` have the shape (rows, tokens), int64; `position_ids`
    start at 0 in every example. `lengths` has, for each row, the lengths of its examples in their
    order; what is left of the row is padding.
    """

    input_ids: Tensor
    labels: Tensor
    position_ids: Tensor
    lengths: tuple[tuple[int, ...], ...]

    @property
    def reply_tokens(self) -> int:
        """The number of tokens that carry a loss."""
        return int((self.labels != IGNORED).sum())

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        ids, labels, positions = (
            t.to(device) for t in (self.input_ids, self.labels, self.position_ids)
        )
        return Batch(ids, labels, positions, self.lengths)


class Layout(Protocol):
    """A way to lay examples out."""

    def batches(self, examples: Sequence[TokenizedExample]) -> list[Batch]:
        """Batches that together hold every example once."""
        ...


@dataclass(frozen=True, slots=True)
class Padded:
    """`batch_size` examples at once, each padded to the longest of them."""

    batch_size: int

    def batches(self, examples: Sequence[TokenizedExample]) -> list[Batch]:
        """Batches of neighbours, in the order of the examples."""
        starts = range(0, len(examples), self.batch_size)
        return [
            _lay_out([[example] for example in examples[start : start + self.batch_size]])
            for start in starts
        ]


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows of at most `row_tokens` tokens full of whole examples, one row a batch.

    A longer example gets a row to itself. Rows are padded to a multiple of `multiple` tokens, so
    that only few shapes occur.
    """

    row_tokens: int
    multiple: int = 1

    def batches(self, examples: Sequence[TokenizedExample]) -> list[Batch]:
        """Rows planned by `plan`; examples that share a row keep their order."""
        lengths = [len(example["input_ids"]) for example in examples]
        return [
            _lay_out([[examples[place] for place in places]], self.multiple)
            for places in plan(lengths, self.row_tokens)
        ]


def plan(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Which examples share a row of `room` tokens: lists of indices, each index once.

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


def _lay_out(rows: Sequence[Sequence[TokenizedExample]], multiple: int = 1) -> Batch:
    lengths = tuple(tuple(len(example["input_ids"]) for example in row) for row in rows)
    longest = max(map(sum, lengths))
    shape = (len(rows), -(-longest // multiple) * multiple)
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
