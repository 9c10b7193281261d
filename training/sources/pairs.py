"""Pairs and chats as JSON objects."""

from collections.abc import Iterator
from pathlib import Path

from training.sources.cells import text_of
from training.sources.chat import read_chat
from training.sources.columns import Columns, find_keys
from training.sources.numbers import whole
from training.sources.objects import Placed
from training.sources.row import Found, SourceRow

_MESSAGES = "messages"


def read_pair_objects(path: Path, items: Iterator[Placed], columns: Columns) -> Found:
    """A row for each pair, and one for each answer of a chat (`{"messages": [...]}`).

    Raises DatasetError naming the file, the place and the key.
    """
    for place, item in items:
        if _MESSAGES in item:
            yield from read_chat(path, place, item[_MESSAGES])
        else:
            yield _pair(f"{path}, {place}", place, item, columns)


def _pair(where: str, place: str, item: dict[str, object], columns: Columns) -> SourceRow:
    keys = find_keys(where, list(item), columns)

    def name(key: str | None) -> str | None:
        value = item.get(key) if key else None
        return None if value is None else str(value)

    return SourceRow(
        place,
        text_of(where, keys.comment, item[keys.comment]),
        text_of(where, keys.reply, item[keys.reply]),
        topic=name(keys.topic),
        thread=name(keys.thread),
        author=name(keys.author),
        score=whole(where, keys.score, item[keys.score]) if keys.score else None,
    )
