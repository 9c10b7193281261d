"""Readers of the data-set files, which have one JSON object a line: pairs or prompts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from data.errors import DatasetError
from data.records import Turn

PAIRS = Path(__file__).parents[1] / "sample_pairs.jsonl"
PROMPTS = Path(__file__).parents[1] / "prompts.jsonl"
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Pair:
    """A comment, and a reply to it that the model should learn to give.

    `before` has the turns that came before the comment, oldest first.
    """

    comment: str
    reply: str
    topic: str | None = None
    before: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """A fixed prompt, to compare the answers of several variants."""

    id: str
    prompt: str


def read_pairs(path: Path) -> list[Pair]:
    """Read lines `{"comment": …, "reply": …}`; `"topic"` and `"before"` (turns) are optional.

    Empty lines are skipped. Raises DatasetError, which names the file and the line.
    """
    pairs: list[Pair] = []
    for where, line in _objects(path, required={"comment", "reply"}, optional={"topic", "before"}):
        before = read_turns(where, "before", line.pop("before", []))
        texts = {key: _text(where, key, value) for key, value in line.items()}
        pairs.append(Pair(texts["comment"], texts["reply"], texts.get("topic"), before))
    return pairs


def read_turns(where: str, key: str, value: object) -> tuple[Turn, ...]:
    """Make turns of a list of objects `{"role": …, "content": …}`.

    Raises DatasetError, which names `where` the value stands and under which `key`.
    """
    if not isinstance(value, list):
        raise DatasetError(f"{where}: {key} must be a list of turns")
    return tuple(
        _turn(where, f"{key}[{place}]", turn)
        for place, turn in enumerate(cast("list[object]", value))
    )


def read_prompts(path: Path) -> list[Prompt]:
    """Read lines `{"id": …, "prompt": …}`, each with an id of its own; empty lines are skipped.

    Raises DatasetError, which names the file and the line.
    """
    prompts: dict[str, Prompt] = {}
    for where, line in _objects(path, required={"id", "prompt"}):
        name = _text(where, "id", line["id"])
        if name in prompts:
            raise DatasetError(f"{where}: the id {name!r} is taken already: give it another")
        prompts[name] = Prompt(name, _text(where, "prompt", line["prompt"]))
    return list(prompts.values())


def _turn(where: str, key: str, value: object) -> Turn:
    found = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    role = found.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise DatasetError(f"{where}: {key}.role must be one of {', '.join(ROLES)}")
    return Turn(role, _text(where, f"{key}.content", found.get("content")))


def _objects(
    path: Path, *, required: set[str], optional: frozenset[str] | set[str] = frozenset()
) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise DatasetError(f"{where} is not JSON ({exc}): mend or remove the line") from exc
        if not isinstance(value, dict):
            raise DatasetError(f"{where} is not a JSON object: mend or remove the line")
        found = cast("dict[str, Any]", value)
        if missing := sorted(required - found.keys()):
            raise DatasetError(f"{where} lacks {', '.join(missing)}")
        if unknown := sorted(found.keys() - required - optional):
            raise DatasetError(
                f"{where} has {', '.join(map(repr, unknown))}; known are "
                f"{', '.join(sorted(required | optional))}"
            )
        yield where, found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise DatasetError(f"{path} cannot be read ({exc.strerror or exc})") from exc
    except UnicodeDecodeError as exc:
        raise DatasetError(f"{path} is not UTF-8 (byte {exc.start}): save it as UTF-8") from exc


def _text(where: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DatasetError(f"{where}: {key} must be a text that is not empty")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise DatasetError(f"{where}: {key} holds half a character (a lone surrogate)")
    return value
