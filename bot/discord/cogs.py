"""Every cog there is, in the order they are loaded."""

from bot.discord import (
    asking,
    buttons,
    chatting,
    model_commands,
    persona_commands,
    privacy_commands,
    rating_reactions,
    reconcile,
    settings_commands,
    stats_command,
    status_command,
)
from bot.discord.client import Setup

SETUPS: tuple[Setup, ...] = (
    chatting.setup,
    asking.setup,
    buttons.setup,
    model_commands.setup,
    persona_commands.setup,
    settings_commands.setup,
    rating_reactions.setup,
    reconcile.setup,
    stats_command.setup,
    privacy_commands.setup,
    status_command.setup,
)
