"""Rows on the disk between cleaning and writing, each different text once."""

import json
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np

from data.files.datasets import Pair
from training.prepare.rules import Kept
from training.prepare.shingles import normalise
from training.prepare.unions import Ids
from training.sources.scratch import open_scratch

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
    """Rows and texts, both numbered from 0 in the order of their coming.

    Texts are the same when they are but for case and marks. A row's `known` group is its thread
    or author. Only the numbers, 8 bytes each, ever come into memory together.
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
        """How many characters all different texts have, normalised."""
        return self._chars

    def add(self, row: Kept, group: str | None) -> bool:
        """Keep the row; False when its comment and reply stood before."""
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
            if turn.role != "system":  # a persona says the same everywhere
                text = self._text(turn.content)
                self._disk.execute("INSERT INTO earlier VALUES (?, ?)", (self._rows, text))
        self._rows += 1
        return True

    def columns(self) -> tuple[Ids, Ids, Ids]:
        """Of each row the comment's text, the reply's text, and the known group or -1."""
        query = "SELECT {} FROM rows ORDER BY id"
        names = ("comment", "reply", "IFNULL(known, -1)")
        one, two, three = (self._numbers(query.format(name), self._rows) for name in names)
        return one, two, three

    def earlier(self) -> tuple[Ids, Ids]:
        """Rows and the texts of the turns before them, a pair of numbers for each such turn."""
        [count] = self._disk.execute("SELECT COUNT(*) FROM earlier").fetchone()
        query = "SELECT {} FROM earlier ORDER BY rowid"
        return (
            self._numbers(query.format("row"), count),
            self._numbers(query.format("text"), count),
        )

    def flats(self) -> Iterator[str]:
        """All texts, normalised, in their order."""
        return (flat for [flat] in self._disk.execute("SELECT flat FROM texts ORDER BY id"))

    def flat(self, text: int) -> str:
        """One text, normalised."""
        [flat] = self._disk.execute("SELECT flat FROM texts WHERE id = ?", (text,)).fetchone()
        return flat

    def lines(self) -> Iterator[str]:
        """Each row's line of JSON, in their order."""
        return (line for [line] in self._disk.execute("SELECT line FROM rows ORDER BY id"))

    def shown(self, row: int) -> tuple[str, str]:
        """A row's place and comment."""
        query = "SELECT place, line FROM rows WHERE id = ?"
        place, line = self._disk.execute(query, (row,)).fetchone()
        return place, json.loads(line)["comment"]

    def close(self) -> None:
        """Close the database; the folder is the caller's to remove."""
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
            f"SELECT id FROM {table} WHERE {key} = ?",  # noqa: S608 - names of our own
            (value,),
        ).fetchone()
        if found is not None:
            return found[0], False
        marks = ", ".join("?" * (2 + len(more)))
        self._disk.execute(
            f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 - names of our own
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
