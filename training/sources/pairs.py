"""Objects and table rows that hold one pair: as comment and reply, or under other tools' names."""

from collections.abc import Iterator
from typing import Any, cast

from data.errors import DatasetError
from data.records import Turn
from training.sources.chat import read_chat, read_prompt_chat
from training.sources.columns import Columns, Keys, find_keys
from training.sources.row import SourceRow, SourceRows, int_cell, name_cell, text_cell

_CHATS = ("messages", "conversations")
_OUTPUTS = ("output", "response")
_COMPLETIONS = ("completion", "response")
_INPUTS = ("input", "context")


def read_pair(
    where: str, place: str, thread: str, item: dict[str, Any], columns: Columns
) -> SourceRows:
    """The row of a pair, or a row for each answer of a chat, whose thread is `thread`.

    Raises DatasetError naming the file, the place and the key.
    """
    for key in _CHATS:
        if key in item and columns.comment is None and columns.reply is None:
            yield from read_chat(where, place, thread, item, key)
            return
    yield pair_row(where, place, item, find_keys(where, list(item), columns))


def pair_row(where: str, place: str, item: dict[str, Any], keys: Keys) -> SourceRow:
    """The row of an object or of a table's row that has these keys. Raises DatasetError."""
    return SourceRow(
        place,
        text_cell(where, keys.comment, item[keys.comment]),
        text_cell(where, keys.reply, item[keys.reply]),
        topic=name_cell(item[keys.topic]) if keys.topic else None,
        thread=name_cell(item[keys.thread]) if keys.thread else None,
        author=name_cell(item[keys.author]) if keys.author else None,
        score=int_cell(where, keys.score, item[keys.score]) if keys.score else None,
    )


def read_alpaca(where: str, place: str, item: dict[str, Any]) -> SourceRows:
    """The row of `instruction`, `input` and `output` (or Dolly's `context` and `response`).

    The input stands below the instruction, with an empty line between. `system` and the questions
    and answers of `history` go before. Raises DatasetError naming the file, the place and the key.
    """
    found = _folded(where, item)
    texts = [_text(where, found, ("instruction",)), _optional(where, found, _INPUTS)]
    before = list(_history(where, found.get("history")))
    if system := text_cell(where, "system", found.get("system")):
        before.insert(0, Turn("system", system))
    yield SourceRow(
        place,
        "\n\n".join(text for text in texts if text.strip()),
        _text(where, found, _OUTPUTS),
        before=tuple(before),
    )


def read_prompt_completion(where: str, place: str, thread: str, item: dict[str, Any]) -> SourceRows:
    """The row of `prompt` and `completion` (or `response`), each a text or a list of turns.

    Raises DatasetError naming the file, the place and the key.
    """
    found = _folded(where, item)
    if isinstance(found.get("prompt"), list) and "completion" in found:
        yield from read_prompt_chat(where, place, thread, found)
        return
    before: tuple[Turn, ...] = ()
    if system := text_cell(where, "system", found.get("system")):
        before = (Turn("system", system),)
    comment, reply = _text(where, found, ("prompt",)), _text(where, found, _COMPLETIONS)
    yield SourceRow(place, comment, reply, before=before)


def _history(where: str, value: object) -> Iterator[Turn]:
    if value is not None and not isinstance(value, list):
        raise DatasetError(f"{where}: history must be a list of questions with answers")
    for number, exchange in enumerate(cast("list[object]", value or [])):
        texts = cast("list[object]", exchange) if isinstance(exchange, list) else []
        if len(texts) != 2:
            raise DatasetError(f"{where}: history[{number}] must be a question and its answer")
        yield Turn("user", text_cell(where, f"history[{number}][0]", texts[0]))
        yield Turn("assistant", text_cell(where, f"history[{number}][1]", texts[1]))


def _folded(where: str, item: dict[str, Any]) -> dict[str, Any]:
    """The members by their names in lower case, as column heads are often written otherwise."""
    found = {key.strip().casefold(): value for key, value in item.items()}
    if len(found) < len(item):
        raise DatasetError(f"{where} has two keys that differ only in case: rename one")
    return found


def _text(where: str, found: dict[str, Any], names: tuple[str, ...]) -> str:
    there = [name for name in names if name in found]
    if not there:
        raise DatasetError(
            f"{where} lacks {' or '.join(names)}; it has {', '.join(found) or 'no key'}: name what "
            "it is with --format"
        )
    if len(there) > 1:
        raise DatasetError(f"{where} has both {' and '.join(there)}: remove one")
    return text_cell(where, there[0], found[there[0]])


def _optional(where: str, found: dict[str, Any], names: tuple[str, ...]) -> str:
    return _text(where, found, names) if any(name in found for name in names) else ""
