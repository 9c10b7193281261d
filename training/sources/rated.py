"""The export of this project (`python -m data export`): answers that people rated."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import DatasetError
from data.files.datasets import read_turns
from data.records import RatingKind
from training.scratch import open_scratch
from training.sources.objects import Placed
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow, SourceRows, text_cell

# What the card says of an export: `python -m data export` has made sure of it.
CONSENT = "agreed by asker and rater"
LOCAL = "typed on the exporting machine"  # where nothing of it is from Discord
_NEEDED = {"rating", "answer_id", "answer", "turns", "finish_reason"}
_WHOLE = "stop"
_TABLE = """
CREATE TABLE answers (
    id INTEGER PRIMARY KEY, place TEXT, answer TEXT, turns TEXT, ending TEXT,
    good INTEGER NOT NULL DEFAULT 0, bad INTEGER NOT NULL DEFAULT 0
)
"""
_RATE = """
INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET good = good + excluded.good, bad = bad + excluded.bad
"""


@dataclass(frozen=True, slots=True)
class RatingThresholds:
    """Which answers are good enough to learn from.

    At least `min_good` people rated the answer good, and at most `max_bad` rated it bad.
    """

    min_good: int = 1
    max_bad: int = 0


def read_rated(
    path: Path, items: Iterator[Placed], thresholds: RatingThresholds, scratch: Path
) -> SourceRows:
    """A row for each answer that was rated well and not cut off, with the turns before it.

    Conversations that open with the same user's turn count as one thread. Raises DatasetError
    naming file and line.
    """
    with closing(open_scratch(scratch)) as index:
        index.execute(_TABLE)
        for place, item in items:
            index.execute(_RATE, _rating(f"{path}, {place}", place, item))
        for row in index.execute("SELECT * FROM answers ORDER BY id"):
            yield _row(path, row, thresholds)


def _rating(where: str, place: str, item: dict[str, Any]) -> tuple[object, ...]:
    if missing := sorted(_NEEDED - item.keys()):
        raise DatasetError(f"{where} lacks {', '.join(missing)}: is it from `data export`?")
    number = item["answer_id"]
    if not isinstance(number, int):
        raise DatasetError(f"{where}: answer_id must be a whole number")
    return (
        number,
        place,
        text_cell(where, "answer", item["answer"]),
        json.dumps(item["turns"]),
        str(item["finish_reason"]),
        int(item["rating"] == RatingKind.GOOD),
        int(item["rating"] == RatingKind.BAD),
    )


def _row(path: Path, row: sqlite3.Row, thresholds: RatingThresholds) -> SourceRow | DroppedRow:
    place = row["place"]
    if row["good"] < thresholds.min_good or row["bad"] > thresholds.max_bad:
        return DroppedRow(DropReason.NOT_RATED, place, row["answer"])
    if row["ending"] != _WHOLE:
        return DroppedRow(DropReason.CUT_OFF, place, row["answer"])
    turns = read_turns(f"{path}, {place}", "turns", json.loads(row["turns"]))
    if not turns or turns[-1].role != "user":
        raise DatasetError(f"{path}, {place}: turns must end with a user's turn")
    opening = next(turn.content for turn in turns if turn.role == "user")
    return SourceRow(place, turns[-1].content, row["answer"], thread=opening, before=turns[:-1])
