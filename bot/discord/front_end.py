"""The front end for Discord: logs in, serves people, leaves in good order."""

import asyncio

from bot.discord.client import FunBot
from bot.discord.cogs import setups
from bot.discord.endpoints import use_endpoints
from bot.errors import SettingsError
from bot.front_end import Services


class DiscordFrontEnd:
    """Serves people on Discord until it is cancelled."""

    code_when_stopped = 0

    def __init__(self, services: Services) -> None:
        self._services = services
        self._task: asyncio.Task[object] | None = None

    async def run(self) -> int:
        """Log in and serve."""
        self._task = asyncio.current_task()
        settings = self._services.settings
        if settings.discord_token is None:
            raise SettingsError("DISCORD_TOKEN is not set.")
        use_endpoints(settings.discord_api_url, settings.discord_gateway_url)
        bot = FunBot(self._services, tuple(setups()))
        async with bot:
            await bot.start(settings.discord_token.get_secret_value())
        return 0

    def interrupt(self) -> None:
        """Leave, as for SIGTERM."""
        if self._task is not None:
            self._task.cancel()
