"""Discord's rules for what a bot sends: lengths, counts, names."""

import re
from typing import Any

from tests.discord_server.state.messages import COMPONENTS_V2, Json, walk
from tests.discord_server.state.refusals import Refused, bad_form

CONTENT_MAX = 2000
_COMMAND_NAME = re.compile(r"^[-_'\w]{1,32}$")


def check_length(field: str, text: str | None, most: int, least: int = 0) -> None:
    """Refuse a text that is too long or too short; lengths are UTF-16 units, as Discord's."""
    length = len((text or "").encode("utf-16-le")) // 2
    if not least <= length <= most:
        message = f"Must be between {least} and {most} in length, not {length}."
        raise bad_form(field, "BASE_TYPE_BAD_LENGTH", message)


def check_message(body: Json, files: int = 0, *, new: bool = True) -> None:
    """Refuse a message that Discord would refuse."""
    check_length("content", body.get("content"), CONTENT_MAX)
    embeds = body.get("embeds") or []
    _check_count("embeds", embeds, 10)
    for embed in embeds:
        _check_embed(embed)
    components = body.get("components") or []
    _check_components(components, v2=bool((body.get("flags") or 0) & COMPONENTS_V2))
    said = (body.get("content") or "").strip() or embeds or files or body.get("poll")
    v2 = (body.get("flags") or 0) & COMPONENTS_V2
    if new and not said and not (v2 and components):
        raise Refused(400, 50006, "Cannot send an empty message")


def _check_embed(embed: Json) -> None:
    check_length("embeds.title", embed.get("title"), 256)
    check_length("embeds.description", embed.get("description"), 4096)
    check_length("embeds.footer.text", (embed.get("footer") or {}).get("text"), 2048)
    fields = embed.get("fields") or []
    _check_count("embeds.fields", fields, 25)
    for item in fields:
        check_length("embeds.fields.name", item["name"], 256, 1)
        check_length("embeds.fields.value", item["value"], 1024, 1)
    texts = [embed.get("title"), embed.get("description")]
    texts += [text for item in fields for text in (item["name"], item["value"])]
    check_length("embeds", "".join(filter(None, texts)), 6000)


def _check_components(components: list[Json], *, v2: bool) -> None:
    _check_count("components", components, 40 if v2 else 5)
    if not v2 and any(row["type"] != 1 for row in components):
        raise bad_form("components", "BASE_TYPE_CHOICES", "only action rows at the top")
    ids: list[str] = []
    for item in walk(components):
        if item["type"] == 1:
            _check_count("components.components", item["components"], 5, 1)
        if item["type"] == 2 and item.get("style") not in (5, 6):
            check_length("components.custom_id", item.get("custom_id"), 100, 1)
            check_length("components.label", item.get("label"), 80)
            ids.append(item["custom_id"])
            if not item.get("label") and not item.get("emoji"):
                raise bad_form("components", "BUTTON_COMPONENT_INVALID", "neither label nor emoji")
    if len(ids) != len(set(ids)):
        code = "COMPONENT_CUSTOM_ID_DUPLICATED"
        raise bad_form("components", code, "Component custom id cannot be duplicated")


def check_command(command: Json) -> None:
    """Refuse a command that Discord would refuse."""
    kind = command.get("type", 1)
    check_length("name", command["name"], 32, 1)
    if kind == 1:
        _check_described(command)
    elif command.get("description"):
        raise bad_form("description", "BASE_TYPE_BAD_LENGTH", "a menu entry has none")
    _check_options(command.get("options") or [])


def check_choices(choices: list[Json]) -> None:
    """Refuse an autocomplete answer that Discord would refuse."""
    _check_count("data.choices", choices, 25)
    for choice in choices:
        check_length("data.choices.name", choice["name"], 100, 1)
        check_length("data.choices.value", str(choice["value"]), 100)


def _check_options(options: list[Json]) -> None:
    _check_count("options", options, 25)
    optional_seen = False
    for option in options:
        _check_described(option)
        _check_options(option.get("options") or [])
        choices = option.get("choices") or []
        check_choices(choices)
        if choices and option.get("autocomplete"):
            raise bad_form("options", "AUTOCOMPLETE", "choices and autocomplete exclude each other")
        if option.get("required") and optional_seen:
            message = "Required options must be placed before non-required options"
            raise bad_form("options", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message)
        optional_seen = optional_seen or not option.get("required")


def _check_described(thing: Json) -> None:
    if not _COMMAND_NAME.match(thing["name"]) or thing["name"] != thing["name"].lower():
        raise bad_form("name", "APPLICATION_COMMAND_INVALID_NAME", thing["name"])
    check_length("description", thing.get("description"), 100, 1)


def _check_count(field: str, things: list[Any], most: int, least: int = 0) -> None:
    if not least <= len(things) <= most:
        message = f"Must be between {least} and {most} in length, not {len(things)}."
        raise bad_form(field, "BASE_TYPE_BAD_LENGTH", message)
