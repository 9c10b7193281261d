"""Writes the text of `.env.example` from the settings, so that the two cannot differ.

`python -c "from bot.config.env_example import render; print(render(), end='')" > .env.example`
"""

import textwrap

from bot.config.settings import BotSettings, allowed

_HEAD = """\
# FunGPT's settings. Copy this file to .env and uncomment what you want to change.
# The environment wins over .env. A name that is not here, or a value that is not allowed, stops
# the start with a line that says so. An empty value counts as not set.
"""
_GROUPS = {
    "discord_token": "Discord",
    "worker_url": "The worker",
    "fungpt_home": "Files",
    "default_variant": "How it answers",
    "prompt_max_chars": "What the model sees",
    "queue_max": "Waiting",
    "log_level": "The log",
}  # fmt: skip


def render() -> str:
    """Every setting with its meaning, what is allowed and its default, in the settings' order."""
    return _HEAD + "".join(_entry(name) for name in BotSettings.model_fields)


def _entry(name: str) -> str:
    field = BotSettings.model_fields[name]
    default = "" if field.default is None else str(field.default)
    shown = default or "not set"
    text = f"{field.description} Allowed: {allowed(name)}. Default: {shown}."
    comment = textwrap.fill(text, 98, initial_indent="# ", subsequent_indent="# ")
    title = f"\n# --- {_GROUPS[name]} ---\n" if name in _GROUPS else ""
    return f"{title}\n{comment}\n# {name.upper()}={default}\n"
