"""Reddit dumps of comments: each reply is joined to its comment by the comment's id."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from data.errors import DatasetError
from training.sources.objects import Placed
from training.sources.reasons import DropReason
from training.sources.row import DroppedRow, SourceRow, SourceRows, int_cell, text_cell
from training.sources.scratch import open_scratch

_COMMENT = "t1_"
_BATCH = 1_000
_TABLE = """
CREATE TABLE comments (
    id INTEGER PRIMARY KEY, parent INTEGER, place TEXT, body TEXT, thread TEXT, author TEXT,
    score INTEGER, subreddit TEXT
)
"""
# Dumps and ids follow the order of time, so parents are found close to each other on the disk.
_JOINED = """
SELECT child.*, parent.body AS comment
FROM comments AS child LEFT JOIN comments AS parent ON parent.id = child.parent
WHERE child.parent IS NOT NULL ORDER BY child.id
"""


def read_reddit(path: Path, items: Iterator[Placed], scratch: Path) -> SourceRows:
    """A row for each comment that replies to another comment of the file.

    The row's thread is the submission. Comments directly under a submission give no row. The
    comments wait in an index on the disk, so memory does not grow with the dump. Raises
    DatasetError naming the file and the line.
    """
    with closing(open_scratch(scratch)) as index:
        index.execute(_TABLE)
        batch: list[tuple[object, ...]] = []
        for place, item in items:
            batch.append(_comment(f"{path}, {place}", place, item))
            if len(batch) == _BATCH:
                _insert(index, batch)
        _insert(index, batch)
        yield from map(_row, index.execute(_JOINED))


def _insert(index: sqlite3.Connection, batch: list[tuple[object, ...]]) -> None:
    # Of a comment that stands twice the first copy counts.
    index.executemany("INSERT OR IGNORE INTO comments VALUES (?, ?, ?, ?, ?, ?, ?, ?)", batch)
    batch.clear()


def _comment(where: str, place: str, item: dict[str, Any]) -> tuple[object, ...]:
    if missing := sorted({"id", "parent_id", "body"} - item.keys()):
        raise DatasetError(f"{where} lacks {', '.join(missing)}: is it a dump of comments?")
    parent = str(item["parent_id"])
    thread, author, subreddit = (item.get(key) for key in ("link_id", "author", "subreddit"))
    return (
        _number(where, "id", str(item["id"]).removeprefix(_COMMENT)),
        _number(where, "parent_id", parent.removeprefix(_COMMENT))
        if parent.startswith(_COMMENT)
        else None,
        place,
        text_cell(where, "body", item["body"]),
        None if thread is None else str(thread),
        None if author is None else str(author),
        int_cell(where, "score", item.get("score")),
        None if subreddit is None else str(subreddit),
    )


def _number(where: str, key: str, name: str) -> int:
    try:
        number = int(name, 36)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 63:
        raise DatasetError(f"{where}: {key} must be a Reddit id such as c0ffee, not {name[:40]!r}")
    return number


def _row(row: sqlite3.Row) -> SourceRow | DroppedRow:
    if row["comment"] is None:
        return DroppedRow(DropReason.NO_PARENT, row["place"], row["body"])
    return SourceRow(
        row["place"],
        row["comment"],
        row["body"],
        topic=row["subreddit"],
        thread=row["thread"],
        author=row["author"],
        score=row["score"],
    )
