"""Every cog there is, in the order they are loaded."""

from bot.discord.client import Setup
from bot.discord.commands import ask as asking
from bot.discord.commands import buttons, chatting
from bot.discord.commands import model as model_commands
from bot.discord.commands import persona as persona_commands
from bot.discord.commands import privacy as privacy_commands
from bot.discord.commands import settings as settings_commands
from bot.discord.commands import stats as stats_command
from bot.discord.commands import status as status_command
from bot.discord.ratings import reactions as rating_reactions
from bot.discord.ratings import reconcile

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
