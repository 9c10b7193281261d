"""Telling Discord which commands the bot has, wherever what Discord has differs."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import app_commands

_log = logging.getLogger(__name__)

Payload = Mapping[str, Any]
# What decides how a command looks and who may use it. Ids, versions, and what Discord may add to
# its answers some day, are no difference.
_COMMAND = (
    "type", "name", "description", "nsfw", "default_member_permissions", "name_localizations",
    "description_localizations",
)  # fmt: skip
_PLACES = ("contexts", "integration_types")  # compared where we say anything about them
_OPTION = (
    "type", "name", "description", "required", "choices", "channel_types", "autocomplete",
    "min_value", "max_value", "min_length", "max_length", "name_localizations",
    "description_localizations",
)  # fmt: skip
_MENU_ENTRY = (discord.AppCommandType.user.value, discord.AppCommandType.message.value)


def differences(ours: Sequence[Payload], theirs: Sequence[Payload]) -> list[str]:
    """The names of the commands that Discord has otherwise than we, or only one of us has. Pure."""
    there = {_key(command): command for command in theirs}
    here = {_key(command): command for command in ours}
    differing = {key for key, command in here.items() if not _is_same(command, there.get(key))}
    return sorted({name for name, _ in differing | (there.keys() - here.keys())})


async def sync_commands(tree: app_commands.CommandTree[Any], application_id: int) -> bool:
    """Ask Discord for the commands and send ours unless it has just these; gives whether it does.

    Where Discord refuses that is logged.
    """
    ours = [command.to_dict(tree) for command in tree.get_commands()]
    try:
        theirs = await tree.client.http.get_global_commands(application_id)
        differing = differences(ours, theirs)
        if not differing:
            return True
        _log.info("Discord gets the commands, as it has these otherwise: %s", ", ".join(differing))
        await tree.sync()
    except (discord.HTTPException, app_commands.AppCommandError) as error:
        _log.error("Discord did not take the commands: %s", error)
        return False
    return True


def _key(command: Payload) -> tuple[str, int]:
    return command["name"], int(command.get("type", 1))


def _is_same(ours: Payload, theirs: Payload | None) -> bool:
    if theirs is None or _plain(ours, _COMMAND) != _plain(theirs, _COMMAND):
        return False
    stated = [name for name in _PLACES if ours.get(name) is not None]
    return all(sorted(ours[name]) == sorted(theirs.get(name) or []) for name in stated)


def _plain(thing: Payload, names: Sequence[str]) -> dict[str, Any]:
    """The values that say something, without those that Discord fills in."""
    is_menu_entry = "description" in names and thing.get("type") in _MENU_ENTRY
    values = {name: _value(name, thing.get(name)) for name in names}
    said = {name: value for name, value in values.items() if value not in (None, "", [], {})}
    if names is _COMMAND:
        said |= {"type": int(thing.get("type", 1)), "nsfw": bool(thing.get("nsfw"))}
    if names is _OPTION or not is_menu_entry:
        said["options"] = [_plain(one, _OPTION) for one in thing.get("options") or []]
    return said


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    match name:
        case "required" | "autocomplete":
            return value or None
        case "default_member_permissions":
            return None if value is None else str(value)
        case "channel_types":
            return sorted(value or [])
        case "choices":
            return [(one["name"], one["value"]) for one in value or []]
        case _:
            return value
