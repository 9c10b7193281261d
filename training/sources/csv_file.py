"""Pairs in a CSV file: a header, then one row for each pair."""

import csv
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from data.errors import DatasetError
from training.sources.columns import Columns, find_keys
from training.sources.lines import LINE_LIMIT, lines
from training.sources.row import CELL_LIMIT, SourceRow, SourceRows, int_cell, text_cell


def read_csv(
    path: Path, columns: Columns, encoding: str | None = None, *, lenient: bool = False
) -> SourceRows:
    """The rows of a CSV file. The header counts as row 1, as in a spreadsheet.

    With `lenient`, a stray quote inside a quoted cell is part of the text. Raises DatasetError
    naming the file, the row and the column.
    """
    rows = _records(path, encoding, lenient)
    _, header = next(rows, ("", []))
    keys = find_keys(f"{path}: the header", header, columns)
    for place, cells in rows:
        where = f"{path}, {place}"
        if len(cells) != len(header):
            raise DatasetError(
                f"{where} has {len(cells)} cells, the header has {len(header)} "
                f"({', '.join(header)}): put cells with commas or line ends in double quotes"
            )
        row = dict(zip(header, cells, strict=True))
        texts = {key: text_cell(where, key, row[key]) for key in (keys.comment, keys.reply)}
        yield SourceRow(
            place,
            texts[keys.comment],
            texts[keys.reply],
            topic=row[keys.topic] or None if keys.topic else None,
            thread=row[keys.thread] or None if keys.thread else None,
            author=row[keys.author] or None if keys.author else None,
            score=int_cell(where, keys.score, row[keys.score]) if keys.score else None,
        )


def _records(
    path: Path, encoding: str | None, lenient: bool
) -> Iterator[tuple[str, Sequence[str]]]:
    """Each record with its place; blank lines are counted as rows and left out."""
    # Spaces between a closing quote and the end of the line are common; they break no quote.
    text = (f"{line.rstrip()}\n" for line in lines(path, encoding))
    reader = csv.reader(text, strict=not lenient)
    number = 0
    while True:
        number, first_line = number + 1, reader.line_num + 1
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
