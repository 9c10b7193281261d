"""Kept rows wait on the disk between cleaning and writing; each different text is there once."""

import json
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np

from data.files.datasets import Pair
from training.prepare.rules import KeptRow
from training.prepare.shingles import normalise
from training.prepare.unions import Ids
from training.scratch import open_scratch

_TABLES = (
    "CREATE TABLE texts (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, flat TEXT NOT NULL)",
    "CREATE TABLE groups (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE rows (
        id INTEGER PRIMARY KEY, comment INTEGER NOT NULL, reply INTEGER NOT NULL, known INTEGER,
        place TEXT NOT NULL, line TEXT NOT NULL, UNIQUE (comment, reply)
    )""",
    "CREATE TABLE earlier (row INTEGER NOT NULL, text INTEGER NOT NULL)",
)


class Spill:
    """Rows and their texts, both numbered from 0 in the order in which they are added.

    Two texts count as the same if only case, punctuation and space differ. A row's `known` group
    is its thread or author. Texts stay on the disk; memory holds numbers of 8 bytes.
    """

    def __init__(self, folder: Path) -> None:
        self._disk: sqlite3.Connection = open_scratch(folder)
        for table in _TABLES:
            self._disk.execute(table)
        self._rows = self._texts = self._groups = self._chars = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._rows

    @property
    def texts(self) -> int:
        """How many different texts there are."""
        return self._texts

    @property
    def groups(self) -> int:
        """How many known groups there are."""
        return self._groups

    @property
    def chars(self) -> int:
        """How many characters all different texts have together, after normalising."""
        return self._chars

    def add(self, row: KeptRow, group: str | None) -> bool:
        """Add a row; False, and nothing is added, if a row has the same comment and reply."""
        pair = row.pair
        comment, reply = self._text(pair.comment), self._text(pair.reply)
        known = None if group is None else self._group(group)
        done = self._disk.execute(
            "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?)",
            (self._rows, comment, reply, known, row.place, _line(pair)),
        )
        if not done.rowcount:
            return False
        for turn in pair.before:
            if turn.role != "system":  # a persona is the same in many conversations
                text = self._text(turn.content)
                self._disk.execute("INSERT INTO earlier VALUES (?, ?)", (self._rows, text))
        self._rows += 1
        return True

    def columns(self) -> tuple[Ids, Ids, Ids]:
        """Three arrays over the rows: comment (a text's number), reply, and known group or -1."""
        query = "SELECT {} FROM rows ORDER BY id"
        names = ("comment", "reply", "IFNULL(known, -1)")
        one, two, three = (self._numbers(query.format(name), self._rows) for name in names)
        return one, two, three

    def earlier(self) -> tuple[Ids, Ids]:
        """Two arrays over all earlier turns: the row that the turn belongs to, and its text."""
        [count] = self._disk.execute("SELECT COUNT(*) FROM earlier").fetchone()
        query = "SELECT {} FROM earlier ORDER BY rowid"
        return (
            self._numbers(query.format("row"), count),
            self._numbers(query.format("text"), count),
        )

    def flats(self) -> Iterator[str]:
        """All normalised texts in the order of their numbers."""
        return (flat for [flat] in self._disk.execute("SELECT flat FROM texts ORDER BY id"))

    def flat(self, text: int) -> str:
        """The normalised text of this number."""
        [flat] = self._disk.execute("SELECT flat FROM texts WHERE id = ?", (text,)).fetchone()
        return flat

    def lines(self) -> Iterator[str]:
        """Each row as a line of JSON, in the order of their numbers."""
        return (line for [line] in self._disk.execute("SELECT line FROM rows ORDER BY id"))

    def shown(self, row: int) -> tuple[str, str]:
        """The place and the comment of a row."""
        query = "SELECT place, line FROM rows WHERE id = ?"
        place, line = self._disk.execute(query, (row,)).fetchone()
        return place, json.loads(line)["comment"]

    def close(self) -> None:
        """Close the database. The caller removes its folder."""
        self._disk.close()

    def _text(self, text: str) -> int:
        flat = normalise(text)
        digest = blake2b(flat.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        number, is_new = self._number("texts", "digest", digest, self._texts, flat)
        self._texts += is_new
        self._chars += is_new * len(flat)
        return number

    def _group(self, name: str) -> int:
        number, is_new = self._number("groups", "name", name, self._groups)
        self._groups += is_new
        return number

    def _number(
        self, table: str, key: str, value: str | bytes, free: int, *more: str
    ) -> tuple[int, bool]:
        found = self._disk.execute(
            f"SELECT id FROM {table} WHERE {key} = ?",  # noqa: S608 - our own names
            (value,),
        ).fetchone()
        if found is not None:
            return found[0], False
        marks = ", ".join("?" * (2 + len(more)))
        self._disk.execute(
            f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 - our own names
            (free, value, *more),
        )
        return free, True

    def _numbers(self, query: str, count: int) -> Ids:
        numbers = (row[0] for row in self._disk.execute(query))
        return np.fromiter(numbers, dtype=np.int64, count=count)


def _line(pair: Pair) -> str:
    line: dict[str, object] = {"comment": pair.comment, "reply": pair.reply}
    if pair.topic is not None:
        line["topic"] = pair.topic
    if pair.before:
        line["before"] = [{"role": turn.role, "content": turn.content} for turn in pair.before]
    return json.dumps(line, ensure_ascii=False)
