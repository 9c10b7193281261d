"""Choosing the reader for a source: a file, a folder, or a data set of the hub."""

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
from training.sources.tables import find_on_hub, folder_rows, hub_rows, is_hub_name, table_rows


class Format(StrEnum):
    """How a source holds its pairs."""

    AUTO = "auto"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    REDDIT = "reddit"
    EXPORT = "export"
    PARQUET = "parquet"
    ARROW = "arrow"
    FOLDER = "folder"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a source. AUTO goes by its name and by the keys of its first JSON object."""

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
    ".parquet": Format.PARQUET,
    ".arrow": Format.ARROW,
}
_TABLES = (Format.PARQUET, Format.ARROW, Format.FOLDER, Format.HUB)
# Keys that only one kind of object has.
_MARKS = (
    (Format.REDDIT, {"body", "parent_id"}),
    (Format.EXPORT, {"answer_id", "rating"}),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """The format of a source, its rows, and its commit if it is a data set of the hub."""

    format: Format
    rows: SourceRows
    commit: str | None = None


def open_source(path: Path, reading: Reading, scratch: Path) -> Opened:
    """Begin to read a source; what does not fit in memory goes into the folder `scratch`.

    `path` is a file, a dataset folder, or the name of a data set of the hub (`owner/name`, or
    `owner/name@revision`), if there is no such file. Of data sets with splits all rows are read.
    Raises DatasetError, here or while the rows are read.
    """
    kind = _by_name(path) if reading.format is Format.AUTO else reading.format
    if kind is Format.CSV:
        rows = read_csv(path, reading.columns, reading.encoding, lenient=reading.lenient_quotes)
        return Opened(kind, rows)
    if kind in _TABLES:
        return _open_table(path, kind, reading.columns, scratch)
    items = objects(path, reading.encoding)
    if reading.format is Format.AUTO:
        kind, items = _by_keys(kind, items)
    if kind is Format.REDDIT:
        return Opened(kind, read_reddit(path, items, scratch))
    if kind is Format.EXPORT:
        return Opened(kind, read_rated(path, items, reading.thresholds, scratch))
    return Opened(kind, read_pair_objects(path, items, reading.columns))


def _open_table(path: Path, kind: Format, columns: Columns, scratch: Path) -> Opened:
    commit = None
    if kind is Format.HUB:
        found = find_on_hub(str(path))
        items, commit = hub_rows(found, scratch), found.commit
    elif kind is Format.FOLDER:
        items = folder_rows(path, scratch)
    else:
        items = table_rows(path, kind, scratch)
    return Opened(kind, read_pair_objects(path, items, columns), commit)


def _by_name(path: Path) -> Format:
    if path.is_dir():
        return Format.FOLDER
    plain = path.with_suffix("") if path.suffix == ".zst" else path
    # Dumps are often called RC_2015-01.zst and the like.
    default = Format.JSONL if path.suffix == ".zst" else None
    kind = _ENDINGS.get(plain.suffix.lower(), default)
    if kind is None and not path.exists() and is_hub_name(str(path)):
        return Format.HUB
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
