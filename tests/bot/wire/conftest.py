"""Discord as each test of the wire finds it."""

import pytest

from tests.discord_server.driver import Discord
from tests.programs.bot_on_discord import Bot


@pytest.fixture
def discord(bot: Bot) -> Discord:
    """The Discord that the file's bot is on, without what the test before had ordered."""
    bot.discord.in_order_again()
    return bot.discord
