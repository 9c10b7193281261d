"""Pairs in a table of text: a header, then one row for each pair, with commas or other marks."""

import csv
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from data.errors import DatasetError
from training.sources.learned import says_unlearned, unlearned
from training.sources.lines import LINE_LIMIT, WINDOWS, lines, text_encoding
from training.sources.objects import Placed
from training.sources.packed import packing_words
from training.sources.pairs import Columns, Keys, find_keys, pair_row
from training.sources.reasons import DroppedRow, Faults
from training.sources.row import CELL_LIMIT, SourceRow, SourceRows

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ENCODINGS = {WINDOWS: "Windows-1252"}
_HEADER_CHARS = 65_536


@dataclass(frozen=True, slots=True)
class TableStyle:
    """How a table of text is written; None stands for what the file itself shows.

    `lenient` takes a stray quote inside a quoted cell as part of the text.
    """

    encoding: str | None = None
    delimiter: str | None = None
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class TextTable:
    """An open table of text: its header and its rows, and how it turned out to be written."""

    header: tuple[str, ...]
    rows: Iterator[Placed]
    delimiter: str
    encoding: str | None

    def words(self, path: Path) -> tuple[str, ...]:
        """How the table turned out to be written, as words to list."""
        mark = f"cells between {_DELIMITERS.get(self.delimiter, repr(self.delimiter))}"
        encoding = () if self.encoding is None else (_ENCODINGS.get(self.encoding, self.encoding),)
        return (mark, *packing_words(path), *encoding)

    def refuse_twice(self, path: Path) -> None:
        """Raise DatasetError if a named column stands twice, in upper or lower case."""
        names = Counter(name.strip().casefold() for name in self.header)
        if twice := sorted(name for name, count in names.items() if name and count > 1):
            raise DatasetError(f"{path}: the header has {', '.join(twice)} twice: rename one")


def read_csv(
    path: Path, columns: Columns, encoding: str | None = None, *, lenient: bool = False
) -> SourceRows:
    """The pairs of a CSV file. The header counts as row 1, as in a spreadsheet.

    With `lenient`, a stray quote inside a quoted cell is part of the text. Raises DatasetError
    naming the file, the row and the column.
    """
    faults = Faults(str(path))
    table = open_table(path, TableStyle(encoding, lenient=lenient), faults)
    yield from table_pairs(path, table, columns, faults)


def table_pairs(path: Path, table: TextTable, columns: Columns, faults: Faults) -> SourceRows:
    """The pairs of an open table. Raises DatasetError naming the file, the row and the column."""
    keys = find_keys(f"{path}: the header", table.header, columns)
    yield from faults.each(table.rows, partial(_rows_of, keys))


def _rows_of(
    keys: Keys, where: str, place: str, item: dict[str, Any]
) -> Iterator[SourceRow | DroppedRow]:
    """The one row of a pair, dropped if its weight is 0."""
    row = iter([pair_row(where, place, item, keys)])
    weights = (value for name, value in item.items() if name.strip().casefold() == "weight")
    return unlearned(row) if any(map(says_unlearned, weights)) else row


def open_table(path: Path, style: TableStyle, faults: Faults) -> TextTable:
    """Read the header of a table of text and find out how it is written.

    A first line `sep=;` says what stands between the cells, else the header shows it. Text that is
    neither marked nor UTF-8 is taken for Windows-1252 if it can be, unless `faults` are strict.
    Rows are given with all columns, but for those whose name stands twice. Raises DatasetError.
    """
    encoding = style.encoding
    if encoding is None and faults.strict is not True:
        encoding = text_encoding(path)
    text = lines(path, encoding)
    first = next(text, "")
    said = first.strip().removeprefix("\ufeff").strip('"')
    skipped = 0
    if said.casefold().startswith("sep=") and len(said) == len("sep=") + 1:
        delimiter, skipped = style.delimiter or said[-1], 1
    elif first.casefold().startswith("sep=\t"):
        delimiter, skipped = style.delimiter or "\t", 1
    else:
        text = chain([first] if first else [], text)
        delimiter = style.delimiter or _delimiter(first)
    records = _records(path, text, delimiter, skipped, lenient=style.lenient)
    _, header = next(records, ("", []))
    rows = _rows(path, tuple(header), records, faults)
    return TextTable(tuple(header), rows, delimiter, encoding)


def _delimiter(header: str) -> str:
    """What stands between the names of a header: what is there most often outside of quotes."""
    outside = "".join(header[:_HEADER_CHARS].split('"')[::2])
    counts = Counter(outside)
    return max(_DELIMITERS, key=lambda mark: counts[mark])


def _rows(
    path: Path, header: tuple[str, ...], records: Iterator[tuple[str, Sequence[str]]],
    faults: Faults,
) -> Iterator[Placed]:  # fmt: skip
    once = [name for name, count in Counter(header).items() if count == 1]
    for place, cells in records:
        if len(cells) != len(header):
            error = DatasetError(
                f"{path}, {place} has {len(cells)} cells, the header has {len(header)} "
                f"({', '.join(header)}): put cells with commas or line ends in double quotes"
            )
            faults.broken(place, error)
            continue
        row: dict[str, Any] = dict(zip(header, cells, strict=True))
        yield place, {name: row[name] for name in once}


def _records(
    path: Path, text: Iterator[str], delimiter: str, skipped: int, *, lenient: bool
) -> Iterator[tuple[str, Sequence[str]]]:
    """Each record with its place; blank lines are counted as rows and left out."""
    # Spaces between a closing quote and the end of the line are common; they break no quote.
    ends = " \r\n" if delimiter == "\t" else None
    ended = (f"{line.rstrip(ends)}\n" for line in text)
    reader = csv.reader(ended, delimiter=delimiter, strict=not lenient)
    number = 0
    while True:
        number, first_line = number + 1, reader.line_num + 1 + skipped
        place = f"row {number}"
        try:
            with _field_limit(LINE_LIMIT):
                cells = next(reader, None)
        except csv.Error as error:
            raise DatasetError(
                f"{path}, {place} (from line {first_line}) has a broken quote or a cell over "
                f"{CELL_LIMIT:,} characters ({error}): write a quote inside a "
                "quoted cell twice, or take it as it is with --quotes lenient"
            ) from error
        if cells is None:
            return
        if cells:
            yield place, cells


@contextmanager
def _field_limit(limit: int) -> Generator[None]:
    # The limit holds for the whole process, so it is put back after every row.
    before = csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(before)
