"""Writes the text of `.env.example` from the settings, so that the two cannot differ.

`python -c "from bot.config.env_example import render; print(render(), end='')" > .env.example`
"""

import textwrap

from bot.config.settings import BotSettings
from model.settings import SharedSettings, allowed

_HEAD = """\
# FunGPT's settings. Copy this file to .env and uncomment what you want to change.
# The environment wins over .env. A name that is not here, or a value that is not allowed, stops
# the start with a line that says so. An empty value counts as not set.
"""
_GROUPS = {
    "discord_token": "Discord",
    "worker_url": "The worker",
    "worker_api_key": "The bot and its own worker",
    "default_variant": "How it answers",
    "prompt_max_chars": "What the model sees",
    "queue_max": "Waiting",
    "log_format": "The log",
}  # fmt: skip


def render() -> str:
    """Every setting with its meaning, what is allowed and its default."""
    return _HEAD + "".join(map(_entry, _names()))


def _names() -> list[str]:
    """The settings in the file's order: those shared with the worker stand in the middle."""
    shared = list(SharedSettings.model_fields)
    own = [name for name in BotSettings.model_fields if name not in shared]
    place = own.index("default_variant")
    return [*own[:place], *shared, *own[place:]]


def _entry(name: str) -> str:
    field = BotSettings.model_fields[name]
    default = "" if field.default is None else str(field.default)
    shown = default or "not set"
    text = f"{field.description} Allowed: {allowed(name, BotSettings)}. Default: {shown}."
    comment = textwrap.fill(text, 98, initial_indent="# ", subsequent_indent="# ")
    title = f"\n# --- {_GROUPS[name]} ---\n" if name in _GROUPS else ""
    return f"{title}\n{comment}\n# {name.upper()}={default}\n"
