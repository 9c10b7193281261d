"""The commands that the bot registered, and how a person's input fits them."""

from collections.abc import Mapping
from typing import Any

from tests.discord_server.state.messages import Json
from tests.discord_server.state.places import User

SUB_COMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE = range(1, 9)
NUMBER = 10
CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3
_PYTHON = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: float}


class CommandBook:
    """Commands by name and type, global ones."""

    def __init__(self) -> None:
        self.commands: dict[tuple[str, int], Json] = {}
        self.written = 0  # how often the bot registered them

    def replace(self, commands: list[Json]) -> None:
        """All commands at once, as a bulk overwrite does."""
        self.commands = {(one["name"], one.get("type", CHAT_INPUT)): one for one in commands}
        self.written += 1

    def names(self) -> set[str]:
        """Every chat command by its full name, such as `model set`."""
        found: set[str] = set()
        for (name, kind), command in self.commands.items():
            if kind == CHAT_INPUT:
                found |= {" ".join(path) for path in _paths((name,), command)}
        return found

    def slash(self, full_name: str, values: Mapping[str, Any], focused: str | None = None) -> Json:
        """The interaction's data for a command as typed; AssertionError where it does not fit."""
        name, *path = full_name.split()
        assert (name, CHAT_INPUT) in self.commands, f"/{name} is not registered: {self.names()}"
        command = self.commands[name, CHAT_INPUT]
        level, parents = command, list[Json]()
        for part in path:
            found = [one for one in level.get("options") or [] if one["name"] == part]
            assert found, f"/{full_name} is not registered: {self.names()}"
            level = found[0]
            parents.append({"name": part, "type": level["type"]})
        options, resolved = _fill(full_name, level.get("options") or [], values, focused)
        for parent in reversed(parents):
            options = [{**parent, "options": options}]
        data = {"id": command["id"], "name": name, "type": CHAT_INPUT, "options": options}
        return {**data, "resolved": resolved} if resolved else data

    def menu(self, name: str, kind: int = MESSAGE_MENU) -> Json:
        """The data of a context-menu entry, without its target."""
        menus = [one for one, of in self.commands if of == kind]
        assert (name, kind) in self.commands, f"{name!r} is not registered: {menus}"
        return {"id": self.commands[name, kind]["id"], "name": name, "type": kind}


def _paths(path: tuple[str, ...], level: Json) -> list[tuple[str, ...]]:
    below = [one for one in level.get("options") or [] if one["type"] in (SUB_COMMAND, GROUP)]
    return [found for one in below for found in _paths((*path, one["name"]), one)] or [path]


def _fill(
    name: str, declared: list[Json], values: Mapping[str, Any], focused: str | None
) -> tuple[list[Json], Json]:
    known = {one["name"]: one for one in declared}
    assert set(values) <= set(known), f"/{name} takes {sorted(known)}, not {sorted(values)}"
    if focused is None:
        missing = [one for one in known if known[one].get("required") and one not in values]
        assert not missing, f"/{name} needs {missing}"
    options: list[Json] = []
    resolved: Json = {}
    for key, value in values.items():
        filled, extra = _value(name, known[key], value, typing=key == focused)
        options.append({**filled, "focused": True} if key == focused else filled)
        resolved |= extra
    return options, resolved


def _value(name: str, option: Json, value: Any, *, typing: bool) -> tuple[Json, Json]:
    kind = option["type"]
    filled = {"name": option["name"], "type": kind, "value": value}
    if kind in _PYTHON:
        fits = typing or isinstance(value, _PYTHON[kind])
        assert fits, f"/{name} {option['name']}: {value!r} is no {_PYTHON[kind].__name__}"
        allowed = [choice["value"] for choice in option.get("choices") or []]
        assert not allowed or value in allowed, f"/{name} {option['name']}: {value!r}: {allowed}"
        return filled, {}
    if kind == USER:
        assert isinstance(value, User)
        return {**filled, "value": str(value.id)}, {"users": {str(value.id): value}}
    plural = {CHANNEL: "channels", ROLE: "roles"}[kind]
    return {**filled, "value": str(value.id)}, {plural: {str(value.id): value}}
