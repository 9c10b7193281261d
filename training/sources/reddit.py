"""Reddit dumps: comments, joined to the replies under them by the parent's id."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from data.errors import DatasetError
from training.sources.cells import text_of
from training.sources.numbers import whole
from training.sources.objects import Placed
from training.sources.reasons import Step
from training.sources.row import Found, Refused, SourceRow
from training.sources.scratch import open_scratch

_COMMENT = "t1_"
_BATCH = 1_000
_TABLE = """
CREATE TABLE comments (
    id INTEGER PRIMARY KEY, parent INTEGER, place TEXT, body TEXT, thread TEXT, author TEXT,
    score INTEGER, subreddit TEXT
)
"""
# A dump is in the order of time, ids too: the join walks through both ends of the table.
_JOINED = """
SELECT child.*, parent.body AS comment
FROM comments AS child LEFT JOIN comments AS parent ON parent.id = child.parent
WHERE child.parent IS NOT NULL ORDER BY child.id
"""


def read_reddit(path: Path, items: Iterator[Placed], scratch: Path) -> Found:
    """A row for each comment under another one of the file; its thread is the submission.

    Comments wait in an index on the disk, so memory does not grow with the dump. Comments right
    under a submission are nobody's replies. Raises DatasetError naming the file and the line.
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
    # A comment that stands twice counts once, as it stood first.
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
        text_of(where, "body", item["body"]),
        None if thread is None else str(thread),
        None if author is None else str(author),
        whole(where, "score", item.get("score")),
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


def _row(row: sqlite3.Row) -> SourceRow | Refused:
    if row["comment"] is None:
        return Refused(Step.NO_PARENT, row["place"], row["body"])
    return SourceRow(
        row["place"],
        row["comment"],
        row["body"],
        topic=row["subreddit"],
        thread=row["thread"],
        author=row["author"],
        score=row["score"],
    )
