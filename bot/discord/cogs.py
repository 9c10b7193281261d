"""The cogs there are: each module has `async def setup(bot: FunBot) -> None`."""

import importlib
import importlib.util
from collections.abc import Iterator

from bot.discord.client import Setup

NAMES = (
    "asking",
    "buttons",
    "model_commands",
    "persona_commands",
    "settings_commands",
    "rating_reactions",
    "reconcile",
    "stats_command",
    "privacy_commands",
    "status_command",
)


def setups() -> Iterator[Setup]:
    """The cogs' set-up functions, in order."""
    for name in NAMES:
        module = f"bot.discord.{name}"
        if importlib.util.find_spec(module) is not None:
            yield importlib.import_module(module).setup
