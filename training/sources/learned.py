"""Marks by which a file says that an answer is not to be learned, as other trainers know them."""

from collections.abc import Iterator, Mapping

from data.errors import DatasetError
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow

# Axolotl's marks of a turn, and TRL's `label` of an answer that is an example of a bad one.
TURN_FLAGS = ("train", "training")
ROW_FLAGS = (*TURN_FLAGS, "label")


def is_learned(where: str, item: Mapping[str, object], flags: tuple[str, ...], key: str) -> bool:
    """Whether an object's `weight` and flags let its answer be learned; they do where none stands.

    A flag is False or it says nothing. `key` names the object in the error. Raises DatasetError if
    `weight` is neither 0 nor 1.
    """
    weight = item.get("weight")
    if weight is not None and (isinstance(weight, bool) or weight not in (0, 1)):
        raise DatasetError(f"{where}: {key}weight must be 0 or 1, not {str(weight)[:40]!r}")
    return weight != 0 and not any(item.get(flag) is False for flag in flags)


def says_unlearned(cell: object) -> bool:
    """Whether the cell of a column `weight`, which may mean something else, is 0. Pure."""
    if isinstance(cell, str):
        return cell.strip() in ("0", "0.0")
    return isinstance(cell, (int, float)) and not isinstance(cell, bool) and cell == 0


def unlearned(rows: Iterator[SourceRow | DroppedRow]) -> Iterator[DroppedRow]:
    """The rows, none of which is learned."""
    for row in rows:
        if isinstance(row, SourceRow):
            yield DroppedRow(DropReason.UNLEARNED, row.place, row.reply)
        else:
            yield row
