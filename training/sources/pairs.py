"""JSON objects that hold a pair, or a chat with a pair for each answer in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from data.errors import DatasetError
from data.files.datasets import ROLES
from data.records import Turn, merge_turns
from training.sources.columns import Columns, find_keys
from training.sources.objects import Placed
from training.sources.row import SourceRow, SourceRows, int_cell, text_cell

_MESSAGES = "messages"


def read_pair_objects(path: Path, items: Iterator[Placed], columns: Columns) -> SourceRows:
    """A row for each pair, and one for each answer of a chat (`{"messages": [...]}`).

    Raises DatasetError naming the file, the place and the key.
    """
    for place, item in items:
        if _MESSAGES in item:
            yield from _read_chat(path, place, item[_MESSAGES])
        else:
            yield _read_pair(f"{path}, {place}", place, item, columns)


def _read_pair(where: str, place: str, item: dict[str, object], columns: Columns) -> SourceRow:
    keys = find_keys(where, list(item), columns)

    def name(key: str | None) -> str | None:
        value = item.get(key) if key else None
        return None if value is None else str(value)

    return SourceRow(
        place,
        text_cell(where, keys.comment, item[keys.comment]),
        text_cell(where, keys.reply, item[keys.reply]),
        topic=name(keys.topic),
        thread=name(keys.thread),
        author=name(keys.author),
        score=int_cell(where, keys.score, item[keys.score]) if keys.score else None,
    )


def _read_chat(path: Path, place: str, messages: object) -> SourceRows:
    """A row for each assistant's turn that follows a user's; all turns before the two go along.

    Neighbouring turns of one role are merged first, as the bot does. All rows of a chat have the
    same thread.
    """
    where = f"{path}, {place}"
    if not isinstance(messages, list):
        raise DatasetError(f"{where}: messages must be a list of turns")
    found = cast("list[object]", messages)
    turns = merge_turns(_turn(where, number, turn) for number, turn in enumerate(found))
    for n in range(1, len(turns)):
        if (turns[n - 1].role, turns[n].role) == ("user", "assistant"):
            yield SourceRow(
                place,
                turns[n - 1].content,
                turns[n].content,
                thread=f"{path.name}: {place}",
                before=turns[: n - 1],
            )


def _turn(where: str, number: int, value: object) -> Turn:
    turn = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    role = turn.get("role")
    for known in ROLES:
        if role == known:
            return Turn(known, text_cell(where, f"messages[{number}].content", turn.get("content")))
    raise DatasetError(
        f"{where}: messages[{number}].role must be one of {', '.join(ROLES)}, not {role!r}"
    )
