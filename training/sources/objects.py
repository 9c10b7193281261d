"""The JSON objects of a file: one on each line, or the items of one array."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from data.errors import DatasetError
from training.sources.lines import LINE_LIMIT, lines

Placed = tuple[str, dict[str, Any]]
_SPACE = " \t\r\n"
_PIECE = 1 << 16


def objects(path: Path, encoding: str | None) -> Iterator[Placed]:
    """Each object with its place, "line 3" or "item 3".

    Raises DatasetError naming the file and the place.
    """
    text = lines(path, encoding)
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        if line.lstrip().startswith("["):
            yield from _items(path, line, text)
        else:
            yield _line(path, number, line)


def _line(path: Path, number: int, line: str) -> Placed:
    where = f"{path}, line {number}"
    if "\0" in line:
        raise DatasetError(
            f"{where} holds a NUL (character {line.index(chr(0)) + 1}): remove the line, "
            "or save the file as UTF-8 if it is UTF-16"
        )
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where} is not JSON ({error}): mend or remove the line") from error
    return f"line {number}", _object(where, value)


def _items(path: Path, first: str, rest: Iterator[str]) -> Iterator[Placed]:
    """The items of an array; memory holds one item and the text that was read beyond it.

    Why not `ijson`: see docs/experiments.md.
    """
    decoder, buffer, number = json.JSONDecoder(), first.lstrip()[1:], 0
    while True:
        buffer = buffer.lstrip(_SPACE)
        if not buffer:
            if not (buffer := _more(rest)):
                raise DatasetError(f"{path}: the array is not closed after item {number}")
            continue
        if buffer[0] == "]":
            _nothing_after(path, buffer[1:], rest)
            return
        if number and buffer[0] != ",":
            raise DatasetError(f"{path}: a comma is missing after item {number}")
        buffer, number = buffer[bool(number) :], number + 1
        value, buffer = _item(f"{path}, item {number}", decoder, buffer, rest)
        yield f"item {number}", _object(f"{path}, item {number}", value)


def _item(
    where: str, decoder: json.JSONDecoder, buffer: str, rest: Iterator[str]
) -> tuple[object, str]:
    while True:
        try:
            value, end = decoder.raw_decode(buffer.lstrip(_SPACE))
        except (ValueError, RecursionError) as error:
            # The item may only be incomplete: read more, twice as much each time.
            more = _more(rest, max(_PIECE, len(buffer)))
            if not more or len(buffer) > LINE_LIMIT or isinstance(error, RecursionError):
                raise DatasetError(f"{where} is not JSON ({error}): mend or remove it") from error
            buffer += more
        else:
            return value, buffer.lstrip(_SPACE)[end:]


def _more(rest: Iterator[str], size: int = _PIECE) -> str:
    parts: list[str] = []
    while size > 0 and (line := next(rest, "")):
        parts.append(line)
        size -= len(line)
    return "".join(parts)


def _nothing_after(path: Path, buffer: str, rest: Iterator[str]) -> None:
    if buffer.strip() or any(line.strip() for line in rest):
        raise DatasetError(f"{path} goes on after its array: remove what follows")


def _object(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DatasetError(f"{where} is not a JSON object: mend or remove it")
    return cast("dict[str, Any]", value)
