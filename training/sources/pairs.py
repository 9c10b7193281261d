"""Objects and table rows that hold one pair, and which of their keys or columns hold what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from data.errors import DatasetError
from data.records import Turn
from training.sources.chat import read_chat, read_prompt_chat
from training.sources.row import SourceRow, SourceRows, int_cell, name_cell, text_cell

_COMMENT = ("comment",)
_REPLY = ("reply", "response")
_CHATS = ("messages", "conversations")
_OUTPUTS = ("output", "response")
_COMPLETIONS = ("completion", "response")
_INPUTS = ("input", "context")


@dataclass(frozen=True, slots=True)
class Columns:
    """The column names that the user gave.

    Without a name the comment is in the column `comment` and the reply in `reply` or `response`,
    in upper or lower case; the other columns are not read.
    """

    comment: str | None = None
    reply: str | None = None
    thread: str | None = None
    author: str | None = None
    score: str | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """The column names as one file spells them; None where the file has no such column."""

    comment: str
    reply: str
    topic: str | None
    thread: str | None
    author: str | None
    score: str | None


def find_keys(where: str, found: Sequence[str], wanted: Columns) -> Keys:
    """The wanted columns among those found in a file.

    Raises DatasetError if one is missing or stands twice; it names those and the found ones.
    """
    _refuse_twice(where, found, wanted)
    comment = _find(found, wanted.comment, _COMMENT)
    reply = _find(found, wanted.reply, _REPLY)
    extra = {
        name: _find(found, value, ())
        for name, value in (
            ("thread", wanted.thread), ("author", wanted.author), ("score", wanted.score),
        )
    }  # fmt: skip
    missing = [
        name or standard
        for name, standard, key in (
            (wanted.comment, "comment", comment),
            (wanted.reply, "reply (or response)", reply),
            *((getattr(wanted, name), name, key) for name, key in extra.items()),
        )
        if key is None and (name or standard not in extra)
    ]
    if missing or comment is None or reply is None:
        raise DatasetError(
            f"{where} lacks {', '.join(missing)}; it has {', '.join(found) or 'no column'}: "
            "name the right ones with --comment-column and --reply-column"
        )
    return Keys(comment, reply, _find(found, None, ("topic",)), **extra)


def _find(found: Sequence[str], wanted: str | None, standard: Sequence[str]) -> str | None:
    if wanted is not None:
        return wanted if wanted in found else None
    return next((name for name in found if name.strip().casefold() in standard), None)


def _refuse_twice(where: str, found: Sequence[str], wanted: Columns) -> None:
    """Raise DatasetError if one of the wanted columns could be either of two."""
    for what, name, standard in (
        ("comment", wanted.comment, _COMMENT),
        ("reply", wanted.reply, _REPLY),
        ("thread", wanted.thread, ()),
        ("author", wanted.author, ()),
        ("score", wanted.score, ()),
    ):
        fits = [
            one
            for one in found
            if (one == name if name is not None else one.strip().casefold() in standard)
        ]
        if len(fits) > 1:
            raise DatasetError(
                f"{where} has {len(fits)} columns for the {what} ({', '.join(fits)}): rename or "
                f"remove one, or name the right one with --{what}-column"
            )


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
