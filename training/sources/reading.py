"""Choosing the reader for a file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path

from data.errors import DatasetError
from training.sources.columns import Columns
from training.sources.csv_file import read_csv
from training.sources.objects import Placed, objects
from training.sources.pairs import read_pair_objects
from training.sources.rated import RatingThresholds, read_rated
from training.sources.reddit import read_reddit
from training.sources.row import SourceRows


class Format(StrEnum):
    """How a file holds its pairs."""

    AUTO = "auto"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    REDDIT = "reddit"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read. AUTO goes by the file's name, and by the keys of its first object."""

    format: Format = Format.AUTO
    columns: Columns = field(default_factory=Columns)
    encoding: str | None = None
    lenient_quotes: bool = False
    thresholds: RatingThresholds = field(default_factory=RatingThresholds)


_ENDINGS = {
    ".csv": Format.CSV,
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
}
# Keys that only one kind of object has.
_MARKS = (
    (Format.REDDIT, {"body", "parent_id"}),
    (Format.EXPORT, {"answer_id", "rating"}),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file's format and its rows."""

    format: Format
    rows: SourceRows


def open_source(path: Path, reading: Reading, scratch: Path) -> Opened:
    """Begin to read a file; what does not fit in memory goes into the folder `scratch`.

    Raises DatasetError, as do the rows.
    """
    kind = _by_name(path) if reading.format is Format.AUTO else reading.format
    if kind is Format.CSV:
        rows = read_csv(path, reading.columns, reading.encoding, lenient=reading.lenient_quotes)
        return Opened(kind, rows)
    items = objects(path, reading.encoding)
    if reading.format is Format.AUTO:
        kind, items = _by_keys(kind, items)
    if kind is Format.REDDIT:
        return Opened(kind, read_reddit(path, items, scratch))
    if kind is Format.EXPORT:
        return Opened(kind, read_rated(path, items, reading.thresholds, scratch))
    return Opened(kind, read_pair_objects(path, items, reading.columns))


def _by_name(path: Path) -> Format:
    plain = path.with_suffix("") if path.suffix == ".zst" else path
    # Dumps are often called RC_2015-01.zst and the like.
    default = Format.JSONL if path.suffix == ".zst" else None
    kind = _ENDINGS.get(plain.suffix.lower(), default)
    if kind is None:
        raise DatasetError(
            f"{path} does not end in {', '.join(_ENDINGS)} or .zst: say what it is with --format"
        )
    return kind


def _by_keys(kind: Format, items: Iterator[Placed]) -> tuple[Format, Iterator[Placed]]:
    head = list(islice(items, 1))
    for name, keys in _MARKS:
        if head and keys <= head[0][1].keys():
            kind = name
    return kind, chain(head, items)
