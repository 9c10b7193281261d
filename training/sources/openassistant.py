"""OpenAssistant's conversations: whole trees, or their messages one by one."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, cast

from data.errors import DatasetError
from data.records import Turn, merge_turns
from training.sources.objects import Placed
from training.sources.reasons import DroppedRow, DropReason, Faults
from training.sources.row import SourceRow, SourceRows, int_cell, name_cell, text_cell

_ROLES = {"prompter": "user", "user": "user", "assistant": "assistant", "system": "system"}
_TREE = "message_tree_id"
_KEYS = {"message_id", "parent_id", "text", "role"}
_DEPTH = 200  # far below where Python's own limit of nested calls lies


def is_openassistant(item: dict[str, Any]) -> bool:
    """Whether an object is a tree of messages, or one message of a tree."""
    return item.keys() >= {_TREE, "prompt"} or item.keys() >= _KEYS


def read_openassistant(items: Iterator[Placed], faults: Faults) -> SourceRows:
    """A row for each answer of an assistant to a prompter, with the turns above it.

    Single messages must stand together by tree, as OpenAssistant's own files have them. The
    thread is the tree. Deleted answers and those that reviewers refused are dropped. The score is
    minus the rank, so the best answer has 0. Raises DatasetError naming file and place.
    """

    def convert(_: str, place: str, found: list[Placed]) -> SourceRows:
        first = found[0][1]
        if "prompt" in first:
            return _tree(faults.where, place, first)
        return _messages(faults.where, found)

    groups = (list(group) for _, group in groupby(items, key=_group))
    return faults.each(((found[0][0], found) for found in groups), convert)


def _group(placed: Placed) -> str:
    place, item = placed
    return place if "prompt" in item else str(item.get(_TREE, place))


def _tree(path: str, place: str, item: dict[str, Any]) -> SourceRows:
    thread = name_cell(item.get(_TREE))
    yield from _below(path, place, thread, _dict(f"{path}, {place}", "prompt", item["prompt"]), ())


def _messages(path: str, found: list[Placed]) -> SourceRows:
    """The rows of messages that name their parents."""
    children: dict[str | None, list[Placed]] = {}
    ids: set[str] = set()
    for place, item in found:
        if missing := sorted(_KEYS - item.keys()):
            raise DatasetError(f"{path}, {place} lacks {', '.join(missing)}: is it a message?")
        children.setdefault(name_cell(item["parent_id"]), []).append((place, item))
        ids.add(str(item["message_id"]))
    for parent, orphans in children.items():
        if parent is not None and parent not in ids:
            for place, item in orphans:
                text = text_cell(f"{path}, {place}", "text", item["text"])
                yield DroppedRow(DropReason.NO_PARENT, place, text)
    for place, item in children.get(None, []):
        yield from _below(path, place, name_cell(item.get(_TREE)), item, (), children)


def _below(
    path: str,
    place: str,
    thread: str | None,
    message: dict[str, Any],
    above: tuple[Turn, ...],
    children: dict[str | None, list[Placed]] | None = None,
) -> SourceRows:
    """The rows of a message and of all below it; `children` has them where it does not itself."""
    where = f"{path}, {place}"
    if len(above) > _DEPTH:
        raise DatasetError(f"{where}: more than {_DEPTH} messages reply to one another")
    turn = _turn(where, message)
    if turn.role == "assistant" and above and above[-1].role == "user":
        yield _row(where, place, thread, message, above, turn)
    path_to = (*above, turn)
    if children is not None:
        below = children.get(str(message["message_id"]), [])
    else:
        below = [(place, _dict(where, "replies", one)) for one in message.get("replies") or []]
    for at, reply in below:
        yield from _below(path, at, thread, reply, path_to, children)


def _row(
    where: str,
    place: str,
    thread: str | None,
    message: dict[str, Any],
    above: tuple[Turn, ...],
    turn: Turn,
) -> SourceRow | DroppedRow:
    if message.get("deleted"):
        return DroppedRow(DropReason.DELETED, place, turn.content)
    if message.get("review_result") is False:
        return DroppedRow(DropReason.NOT_RATED, place, turn.content)
    *before, asked = merge_turns(above) or above
    rank = int_cell(where, "rank", message.get("rank"))
    return SourceRow(
        place, asked.content, turn.content, thread=thread, author=name_cell(message.get("user_id")),
        score=None if rank is None else -rank, before=tuple(before),
    )  # fmt: skip


def _turn(where: str, message: dict[str, Any]) -> Turn:
    role = _ROLES.get(str(message.get("role")))
    if role not in ("user", "assistant", "system"):
        raise DatasetError(
            f"{where}: role must be prompter or assistant, not {str(message.get('role'))[:40]!r}"
        )
    return Turn(role, text_cell(where, "text", message.get("text")))


def _dict(where: str, key: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: {key} must be a message, not {type(value).__name__}")
    return cast("dict[str, Any]", value)
