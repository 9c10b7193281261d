"""The JSON objects of a file: one on each line, or the items of an array that may be wrapped."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, cast

from data.errors import DatasetError
from training.sources.lines import LINE_LIMIT, pieces, whole_lines
from training.sources.reasons import Faults

Placed = tuple[str, dict[str, Any]]
_SPACE = " \t\r\n"
_PIECE = 1 << 16
# Keys whose array holds the rows: {"data": [...]}, or an array for each side of a data set.
_WRAPPERS = ("data", "rows", "examples", "train", "validation", "test")
_LONG_WRAPPER = re.compile(rf'\s*\{{\s*"(?:{"|".join(_WRAPPERS)})"\s*:\s*\[\s*\{{')
# The object of a DiscordChatExporter file has these keys, and its rows in `messages`.
_DISCORD = {"guild", "channel"}
_ESCAPED = re.compile(r"\\u(?:d[89a-f]|0000)", re.IGNORECASE)
_BAD = re.compile("[\0\ud800-\udfff]")
_NUL, _HALF, _BYTE = "a NUL", "a lone surrogate", "a byte that is no UTF-8"


def objects(
    path: Path, encoding: str | None, faults: Faults | None = None, *, by_line: bool = False
) -> Iterator[Placed]:
    """Each object with its place, "line 3" or "item 3".

    An object may go over several lines, but with `by_line` each line is one, broken or not.
    A lone surrogate in it becomes a space, and so does a NUL where `faults` drops broken rows; it
    is told what was mended or dropped. Raises DatasetError naming the file and the place.
    """
    faults = faults or Faults(str(path))
    text = pieces(path, encoding, tolerant=faults.drops)
    number, first = 1, ""
    for first in text:
        if first.strip(_SPACE + "\0" * faults.drops):
            break
        number += first.endswith("\n")
    else:
        return
    if first.lstrip().startswith("[") and not _is_broken_line(first, faults):
        yield from _array(_Cursor(path, first, text), faults)
    elif _begins_document(first, by_line=by_line):
        yield from _documents(_Cursor(path, first, text), faults)
    else:
        rest = whole_lines(path, chain([first], text))
        for at, line in enumerate(rest, start=number):
            if line.strip(_SPACE + "\0" * faults.drops):
                yield from _line(f"line {at}", line, faults)


def _is_broken_line(first: str, faults: Faults) -> bool:
    """Whether a dump begins with a line that is an array of its own."""
    return faults.drops and first.endswith("\n") and first.rstrip().endswith("]")


def _begins_document(first: str, *, by_line: bool) -> bool:
    """Whether an object goes over several lines, or wraps the rows in an array."""
    start = first.strip()
    if not start.startswith("{"):
        return False
    if not first.endswith("\n") and len(first) >= _PIECE:
        return _LONG_WRAPPER.match(start) is not None
    try:
        value = json.loads(start)
    except (ValueError, RecursionError):
        return start[-1] in "{[,:" and not by_line
    return value.keys() >= _DISCORD or any(_are_rows(value.get(key)) for key in _WRAPPERS)


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _line(place: str, line: str, faults: Faults) -> Iterator[Placed]:
    where = f"{faults.where}, {place}"
    if "\0" in line and faults.drops:
        faults.mended(_NUL, place)
        line = line.strip("\0" + _SPACE).replace("\0", " ")
    if "\0" in line:
        raise DatasetError(
            f"{where} holds a NUL (character {line.index(chr(0)) + 1}): remove the line, "
            "or save the file as UTF-8 if it is UTF-16"
        )
    try:
        yield place, _mended(place, line, _object(where, _DECODER.decode(line)), faults)
    except DatasetError as error:
        faults.broken(place, error)
    except (ValueError, RecursionError) as error:
        refusal = DatasetError(f"{where} is not JSON ({error}): mend or remove the line")
        refusal.__cause__ = error
        faults.broken(place, refusal)


def _array(text: "_Cursor", faults: Faults) -> Iterator[Placed]:
    yield from _items(text, faults, 0)
    text.nothing_after()


def _items(text: "_Cursor", faults: Faults, number: int) -> Iterator[Placed]:
    """The items of an array; memory holds one item and the text that was read beyond it.

    Why not `ijson`: see docs/experiments.md.
    """
    first = number
    text.take("[")
    while (mark := text.peek()) != "]":
        if not mark:
            raise DatasetError(f"{text.path}: the array is not closed after item {number}")
        if number > first and mark != ",":
            raise DatasetError(f"{text.path}: a comma is missing after item {number}")
        if number > first:
            text.take(",")
        number += 1
        place, where = f"item {number}", f"{text.path}, item {number}"
        value, raw = text.value(where)
        try:
            item = _mended(place, raw, _object(where, value), faults)
        except DatasetError as error:
            faults.broken(place, error)
        else:
            yield place, item
    text.take("]")


def _documents(text: "_Cursor", faults: Faults) -> Iterator[Placed]:
    """The rows that objects of several lines are, or that they hold in an array."""
    number = 0
    while text.peek():
        where = f"{text.path}, item {number + 1}"
        whole: dict[str, Any] = {}
        is_wrapper, mark = False, "{"
        while mark != "}":
            text.take(mark, where)
            if mark == "{" and text.peek() == "}":
                break
            key, _ = text.value(where)
            if key in whole:
                raise DatasetError(f"{where}: the key {key!r} stands twice: mend or remove it")
            text.take(":", where)
            rows = key in _WRAPPERS or (key == "messages" and whole.keys() >= _DISCORD)
            if rows and text.peek() == "[" and text.opens_row():
                is_wrapper = True
                for place, item in _items(text, faults, number):
                    number = int(place.removeprefix("item "))
                    yield place, item
            else:
                whole[key], _ = text.value(where)
            mark = text.peek()
            if mark not in (",", "}"):
                raise DatasetError(f"{where} is not closed or lacks a comma after {key!r}")
        text.take("}")
        if not is_wrapper:
            number += 1
            yield f"item {number}", _mended(f"item {number}", "\0", whole, faults)


class _Cursor:
    """A place in a text that is read on when needed."""

    def __init__(self, path: Path, buffer: str, rest: Iterator[str]) -> None:
        self.path, self._buffer, self._rest = path, buffer, rest

    def peek(self) -> str:
        """The next character that is no space; the empty text at the end."""
        while not (found := self._buffer.lstrip(_SPACE)):
            if not (found := _more(self._rest)):
                self._buffer = ""
                return ""
            self._buffer = found
        self._buffer = found
        return found[0]

    def take(self, mark: str, where: str = "") -> None:
        """Go on behind this mark. Raises DatasetError if something else is next."""
        if self.peek() != mark:
            raise DatasetError(f"{where or self.path} is not JSON ({mark} is missing): mend it")
        self._buffer = self._buffer[1:]

    def opens_row(self) -> bool:
        """Whether an object is the first item of the array that begins here."""
        while len(self._buffer) < 2 or not self._buffer[1:].strip(_SPACE):
            if not (more := _more(self._rest)):
                return False
            self._buffer += more
        return self._buffer[1:].lstrip(_SPACE)[0] == "{"

    def value(self, where: str) -> tuple[Any, str]:
        """The value that begins here, and its text; goes on behind it."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer)
            except _KeyTwice as error:
                raise DatasetError(f"{where} is not JSON ({error}): mend or remove it") from error
            except (ValueError, RecursionError) as error:
                # It may only be incomplete: read more, twice as much each time.
                more = _more(self._rest, max(_PIECE, len(self._buffer)))
                too_long = len(self._buffer) > LINE_LIMIT
                if not more or too_long or isinstance(error, RecursionError):
                    raise DatasetError(
                        f"{where} is not JSON ({error}): mend or remove it"
                    ) from error
                self._buffer += more
            else:
                if end == len(self._buffer) and (more := _more(self._rest)):
                    self._buffer += more  # a number may go on
                    continue
                raw, self._buffer = self._buffer[:end], self._buffer[end:]
                return value, raw

    def nothing_after(self) -> None:
        """Raises DatasetError if anything follows."""
        if self.peek():
            raise DatasetError(f"{self.path} goes on after its array: remove what follows")


def _more(rest: Iterator[str], size: int = _PIECE) -> str:
    parts: list[str] = []
    while size > 0 and (line := next(rest, "")):
        parts.append(line)
        size -= len(line)
    return "".join(parts)


def _object(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DatasetError(f"{where} is not a JSON object: mend or remove it")
    return cast("dict[str, Any]", value)


def _mended(place: str, raw: str, item: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """The object with a space for each bad character of its texts."""
    if not (_ESCAPED.search(raw) or (not raw.isascii() and _BAD.search(raw)) or "\0" in raw):
        return item
    found: set[str] = set()

    def mend(value: Any) -> Any:  # noqa: ANN401 - any value that JSON has
        if isinstance(value, str):
            return _BAD.sub(replace, value) if _BAD.search(value) else value
        if isinstance(value, list):
            return [mend(one) for one in cast("list[Any]", value)]
        if isinstance(value, dict):
            return {mend(key): mend(one) for key, one in cast("dict[str, Any]", value).items()}
        return value

    def replace(match: re.Match[str]) -> str:
        if match[0] == "\0" and not faults.drops:
            return match[0]  # refused by who reads the cell, with its key
        is_byte = "\udc80" <= match[0] <= "\udcff" and faults.drops and match[0] in raw
        found.add(_NUL if match[0] == "\0" else _BYTE if is_byte else _HALF)
        return " "

    clean = cast("dict[str, Any]", mend(item))
    for what in sorted(found):
        faults.mended(what, place)
    return clean


class _KeyTwice(ValueError):
    """An object has two values for one key."""


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        seen: set[str] = set()
        twice = next(key for key, _ in members if key in seen or seen.add(key))
        raise _KeyTwice(f"the key {twice!r} stands twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
