"""The front end for Discord: logs in, serves people, leaves in good order."""

import asyncio
import logging

import discord

from bot.discord.api.application import REFUSED, look_up
from bot.discord.api.endpoints import UNREACHABLE, use_endpoints
from bot.discord.client import FunBot
from bot.discord.metrics import Metrics
from bot.errors import SettingsError
from bot.front_end import Services

_SHOW_S = 8.0  # for the last edits when the bot stops
_CLOSE_S = 5.0
LOGIN_AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)  # between logins while Discord cannot be reached
NOT_GRANTED = (
    "DISCORD_MESSAGE_CONTENT=on, but Discord does not grant the message-content intent: switch it"
    " on at https://discord.com/developers/applications, page “Bot”, or set auto."
)
_log = logging.getLogger(__name__)


class DiscordFrontEnd:
    """Serves people on Discord until it is cancelled; then it finishes or parks what runs."""

    code_when_stopped = 0

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settings = services.settings
        self._task: asyncio.Task[object] | None = None
        self._metrics = Metrics(services) if self._settings.metrics_port else None
        self.leave_s = self._settings.drain_s + _SHOW_S + _CLOSE_S + 5.0

    async def run(self) -> int:
        """Log in and serve; gives 0. Raises SettingsError for what only the operator can mend."""
        self._task = asyncio.current_task()
        token = self._settings.discord_token
        if token is None:
            raise SettingsError("DISCORD_TOKEN is not set.")
        use_endpoints(self._settings.discord_api_url, self._settings.discord_gateway_url)
        failures = 0
        while True:
            try:
                await self._session(token.get_secret_value())
            except discord.LoginFailure as error:
                raise SettingsError(REFUSED) from error
            except (discord.HTTPException, discord.GatewayNotFound, *UNREACHABLE) as error:
                wait_s = LOGIN_AGAIN_S[min(failures, len(LOGIN_AGAIN_S) - 1)]
                failures += 1
                _log.warning("Discord cannot be reached (%s), again in %g s", error, wait_s)
                await asyncio.sleep(wait_s)
            else:
                return 0

    def interrupt(self) -> None:
        """Begin to leave as for SIGTERM; a second call does not wait for what runs."""
        if self._task is not None:
            self._task.cancel()

    async def _session(self, token: str) -> None:
        """Log in and serve until that connection ends."""
        content = await self._wants_content(token)
        try:
            await self._serve(token, message_content=content)
        except discord.PrivilegedIntentsRequired as error:
            if self._settings.discord_message_content == "on":
                raise SettingsError(NOT_GRANTED) from error
            _log.warning("Discord took the message-content intent back, going on without")
            await self._serve(token, message_content=False)

    async def _wants_content(self, token: str) -> bool:
        wanted = self._settings.discord_message_content
        if wanted != "auto":
            return wanted == "on"
        application = await look_up(token)
        _log.info("the message-content intent is granted: %s", application.content_granted)
        return application.content_granted

    async def _serve(self, token: str, *, message_content: bool) -> None:
        bot = FunBot(
            self._services,
            message_content=message_content,
            metrics=self._metrics,
            gateway_is_set=self._settings.discord_gateway_url is not None,
        )
        connection = asyncio.create_task(bot.start(token), name="discord")
        try:
            await asyncio.wait((connection,))
            await connection
        except asyncio.CancelledError:
            await self._leave(bot)
            raise
        finally:
            await _close(bot, connection)

    async def _leave(self, bot: FunBot) -> None:
        """Take no new requests, finish or park what runs, and show that in its messages."""
        await self._services.chat.aclose()
        await bot.desk.close(_SHOW_S)


async def _close(bot: FunBot, connection: asyncio.Task[None]) -> None:
    """End the connection and everything that was started over it."""
    await bot.desk.close(0)
    try:
        async with asyncio.timeout(_CLOSE_S):
            await bot.close()
    except TimeoutError:
        _log.warning("Discord's connection did not close in time")
    connection.cancel()
    await asyncio.wait((connection,))
