"""A temporary SQLite database for what would not fit in memory, and an index of messages in it."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path

_CACHE_KB = 8_000  # small, since the operating system caches the file too
_SETTINGS = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA temp_store = FILE",
    f"PRAGMA cache_size = -{_CACHE_KB}",
)


def open_scratch(folder: Path) -> sqlite3.Connection:
    """A new, empty database in the folder, with an open transaction.

    It writes fast and is lost in a crash. The caller closes it and removes the folder.
    """
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".sqlite", delete=False) as file:
        connection = sqlite3.connect(file.name, isolation_level=None)
    connection.row_factory = sqlite3.Row
    for setting in _SETTINGS:
        connection.execute(setting)
    connection.execute("BEGIN")
    return connection


@dataclass(frozen=True, slots=True)
class Message:
    """A message that may be a reply, and that others may reply to.

    `id` is unique over all sources of a kind; `parent` is the id of what it replies to, if
    anything. `bot` says that a bot wrote it.
    """

    id: int
    parent: int | None
    place: str
    text: str
    thread: str | None = None
    author: str | None = None
    score: int | None = None
    topic: str | None = None
    bot: bool = False


Fill = Callable[[], Iterable[Message]]


class ReplyIndex:
    """Joins replies to what they reply to, over all the sources that are added to it.

    The messages wait on the disk, in a database in the folder, so memory does not grow with them.
    Of a message that stands twice the first copy counts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources: list[Fill] = []
        self._disk: sqlite3.Connection | None = None

    def add_source(self, fill: Fill) -> int:
        """Add a source before any is read; its number. `fill` gives its messages, once."""
        self._sources.append(fill)
        return len(self._sources) - 1

    def replies(self, source: int) -> Iterator[sqlite3.Row]:
        """The replies of a source in the order of their ids, with the columns of a Message.

        `comment` and `comment_bot` are of the parent, NULL if no source has it. The first call
        reads all sources.
        """
        disk = self._filled()
        yield from disk.execute(_REPLIES, (source,))

    def close(self) -> None:
        """Close the database, if it was opened."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def _filled(self) -> sqlite3.Connection:
        if self._disk is None:
            self._disk = open_scratch(self._folder)
            self._disk.execute(_MESSAGES)
            for number, fill in enumerate(self._sources):
                messages = iter(fill())
                while batch := list(islice(messages, _BATCH)):
                    rows = [(number, *astuple(message)) for message in batch]
                    self._disk.executemany(_INSERT, rows)
        return self._disk


_BATCH = 1_000
_MESSAGES = """
CREATE TABLE messages (
    source INTEGER, id INTEGER PRIMARY KEY, parent INTEGER, place TEXT, text TEXT, thread TEXT,
    author TEXT, score INTEGER, topic TEXT, bot INTEGER
)
"""
_INSERT = "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# Dumps and ids follow the order of time, so parents are found close to each other on the disk.
_REPLIES = """
SELECT child.*, parent.text AS comment, parent.bot AS comment_bot
FROM messages AS child LEFT JOIN messages AS parent ON parent.id = child.parent
WHERE child.source = ? AND child.parent IS NOT NULL ORDER BY child.id
"""
