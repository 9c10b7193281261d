"""Conversations in one JSON object: OpenAI's `messages`, ShareGPT's `conversations`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, cast

from data.errors import DatasetError
from data.files.datasets import ROLES
from data.records import Turn, merge_turns
from training.sources.learned import TURN_FLAGS, is_learned
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow, SourceRows, text_cell

Role = Literal["system", "user", "assistant"]

_ROLES: dict[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant",
}  # fmt: skip
_SHAREGPT_ROLES: dict[str, Role] = {
    **_ROLES,
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant",
    "bard": "assistant", "model": "assistant",
}  # fmt: skip
_TOOL_ROLES = frozenset({"tool", "function", "function_call", "observation", "ipython"})
# Keys whose content would be lost; an answer that needs it cannot be learned.
_REFUSED_IN_TURNS = ("tool_calls", "function_call", "refusal", "audio")
_REFUSED = ("tools", "functions")
_EMPTY = (None, "", "[]", [], {}, False)
_ADVICE = "is not supported: remove the conversation, or drop such ones with --no-strict"


@dataclass(frozen=True, slots=True)
class _Said:
    """A turn, and whether it is to be learned if the assistant says it."""

    turn: Turn
    learned: bool


def read_chat(where: str, place: str, thread: str, item: dict[str, Any], key: str) -> SourceRows:
    """A row for each assistant's turn that follows a user's; all turns before the two go along.

    `key` is `messages` or `conversations`; a turn has `role` and `content`, or `from` and `value`.
    Neighbouring turns of one role are merged first, as the bot does. `developer` is the system, and
    a system's turn between question and answer goes before the question. An answer of weight 0 is
    context but no row, one to nobody's question neither of them, as in serving. All rows of a chat
    have the same `thread`. Raises DatasetError for tools, calls and contents other than text, which
    cannot be learned.
    """
    _refuse(where, item, _REFUSED)
    said = _turns(where, key, item[key])
    if system := text_cell(where, "system", item.get("system")):
        said.insert(0, _Said(Turn("system", system), learned=False))
    yield from _answers(place, thread, said)


def read_prompt_chat(where: str, place: str, thread: str, item: dict[str, Any]) -> SourceRows:
    """Rows of `{"prompt": [turns], "completion": [turns]}`: only the completion is learned."""
    _refuse(where, item, _REFUSED)
    given = [_Said(said.turn, learned=False) for said in _turns(where, "prompt", item["prompt"])]
    yield from _answers(place, thread, given + _turns(where, "completion", item["completion"]))


def _answers(place: str, thread: str, said: list[_Said]) -> Iterator[SourceRow | DroppedRow]:
    spoken = [one for one in said if one.turn.content.strip()]
    turns = merge_turns(one.turn for one in spoken)
    # Merged from several turns, an answer is learned only if all of them are.
    learned = [
        all(one.learned for one in group)
        for _, group in groupby(spoken, key=lambda one: one.turn.role)
    ]
    for n, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        before = turns[:n]
        if [one.role for one in before[-2:]] == ["user", "system"]:
            before = [*before[:-2], before[-1], before[-2]]
        if not learned[n]:
            yield DroppedRow(DropReason.UNLEARNED, place, turn.content)
        elif not before or before[-1].role != "user":
            yield DroppedRow(DropReason.UNASKED, place, turn.content)
        else:
            yield _row(place, thread, before, turn)


def _row(place: str, thread: str, before: Sequence[Turn], answer: Turn) -> SourceRow:
    """The row of an answer. Its context begins with a user's turn, as in serving."""
    *earlier, asked = before
    first = next((n for n, turn in enumerate(before) if turn.role == "user"), 0)
    kept = (turn for n, turn in enumerate(earlier) if n >= first or turn.role == "system")
    return SourceRow(place, asked.content, answer.content, thread=thread, before=tuple(kept))


def _turns(where: str, key: str, value: object) -> list[_Said]:
    if not isinstance(value, list):
        raise DatasetError(f"{where}: {key} must be a list of turns")
    found = cast("list[object]", value)
    return [_turn(where, f"{key}[{number}]", turn) for number, turn in enumerate(found)]


def _turn(where: str, key: str, value: object) -> _Said:
    turn = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    is_sharegpt = "from" in turn and "role" not in turn
    role_key, text_key = ("from", "value") if is_sharegpt else ("role", "content")
    role = turn.get(role_key)
    name = role.strip().casefold() if isinstance(role, str) else ""
    if name in _TOOL_ROLES:
        raise DatasetError(f"{where}: {key}.{role_key} is {name}, which {_ADVICE}")
    known = (_SHAREGPT_ROLES if is_sharegpt else _ROLES).get(name)
    if known is None:
        raise DatasetError(
            f"{where}: {key}.{role_key} must be one of {', '.join(ROLES)}, not {role!r}"
        )
    _refuse(where, turn, _REFUSED_IN_TURNS, f"{key}.")
    content = _content(where, f"{key}.{text_key}", turn.get(text_key))
    return _Said(Turn(known, content), is_learned(where, turn, TURN_FLAGS, f"{key}."))


def _content(where: str, key: str, value: object) -> str:
    """The text of a turn; parts of text make up one, a line end between them."""
    if not isinstance(value, list):
        return text_cell(where, key, value)
    texts: list[str] = []
    for number, part in enumerate(cast("list[object]", value)):
        place = f"{key}[{number}]"
        found = cast("dict[str, object]", part) if isinstance(part, dict) else {"text": part}
        kind = found.get("type", "text")
        if kind not in ("text", "input_text", "output_text"):
            raise DatasetError(f"{where}: {place} is {str(kind)[:40]!r}, which {_ADVICE}")
        texts.append(text_cell(where, f"{place}.text", found.get("text")))
    return "\n".join(texts)


def _refuse(where: str, item: dict[str, Any], keys: tuple[str, ...], prefix: str = "") -> None:
    for key in keys:
        if item.get(key) not in _EMPTY:
            raise DatasetError(f"{where}: {prefix}{key} {_ADVICE}")
