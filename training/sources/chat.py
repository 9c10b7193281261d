"""Chats: a list of turns, each answer of which makes a row."""

from pathlib import Path
from typing import cast

from data.errors import DatasetError
from data.files.datasets import ROLES
from data.records import Turn, merge_turns
from training.sources.cells import text_of
from training.sources.row import Found, SourceRow


def read_chat(path: Path, place: str, value: object) -> Found:
    """A row for each assistant's turn that follows a user's, with all turns before the two.

    Neighbouring turns of one role are merged as the bot does. The rows of a chat are a thread.
    """
    where = f"{path}, {place}"
    turns = merge_turns(_turn(where, n, turn) for n, turn in enumerate(_list(where, value)))
    for n in range(1, len(turns)):
        if (turns[n - 1].role, turns[n].role) == ("user", "assistant"):
            yield SourceRow(
                place,
                turns[n - 1].content,
                turns[n].content,
                thread=f"{path.name}: {place}",
                before=turns[: n - 1],
            )


def _list(where: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise DatasetError(f"{where}: messages must be a list of turns")
    return cast("list[object]", value)


def _turn(where: str, number: int, value: object) -> Turn:
    turn = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    role = turn.get("role")
    for known in ROLES:
        if role == known:
            return Turn(known, text_of(where, f"messages[{number}].content", turn.get("content")))
    raise DatasetError(
        f"{where}: messages[{number}].role must be one of {', '.join(ROLES)}, not {role!r}"
    )
