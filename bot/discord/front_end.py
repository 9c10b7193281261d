"""The front end for Discord: logs in, serves people, leaves in good order."""

import asyncio
import logging

import discord

from bot.discord.api.application import REFUSED, look_up
from bot.discord.api.closures import NOT_GRANTED, OTHER_SHARDS, closure_line
from bot.discord.api.endpoints import UNREACHABLE, use_endpoints
from bot.discord.client import FunBot
from bot.discord.metrics import Metrics
from bot.errors import DiscordRefused, SettingsError
from bot.front_end import Services

_SHOW_S = 8.0  # for the last edits when the bot stops
_CLOSE_S = 5.0
LOGIN_AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)  # between logins while Discord cannot be reached
_MOST_RESHARDINGS = 3  # in a row, none of which brought the bot online
_log = logging.getLogger(__name__)


class DiscordFrontEnd:
    """Serves people on Discord until it is cancelled; then it finishes or parks what runs."""

    code_when_stopped = 0

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settings = services.settings
        self._task: asyncio.Task[object] | None = None
        self._was_online = False
        self._metrics = Metrics(services) if self._settings.metrics_port else None
        self.leave_s = self._settings.drain_s + _SHOW_S + _CLOSE_S + 5.0

    async def run(self) -> int:
        """Log in and serve; gives 0. Raises SettingsError for what only the operator can mend.

        That is DiscordRefused where Discord says so, also in the middle of serving.
        """
        self._task = asyncio.current_task()
        token = self._settings.discord_token
        if token is None:
            raise SettingsError("DISCORD_TOKEN is not set.")
        use_endpoints(self._settings.discord_api_url, self._settings.discord_gateway_url)
        failures = reshardings = 0
        while True:
            self._was_online = False
            try:
                await self._session(token.get_secret_value())
            except discord.LoginFailure as error:
                raise DiscordRefused(REFUSED) from error
            except discord.ConnectionClosed as closed:
                reshardings = 0 if self._was_online else reshardings + 1
                _raise_if_for_good(closed, reshardings)
                problem: Exception = closed
            except (discord.HTTPException, discord.GatewayNotFound, *UNREACHABLE) as error:
                problem = error
            else:
                return 0
            failures = 0 if self._was_online else failures
            wait_s = LOGIN_AGAIN_S[min(failures, len(LOGIN_AGAIN_S) - 1)]
            failures += 1
            _log.warning("Discord cannot be reached (%s), again in %g s", problem, wait_s)
            await asyncio.sleep(wait_s)

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
                raise DiscordRefused(NOT_GRANTED) from error
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
        refused = asyncio.create_task(_token_refused(bot, token), name="token refused")
        try:
            await asyncio.wait((connection, refused), return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                await refused
            await connection
        except asyncio.CancelledError:
            await self._leave(bot)
            raise
        finally:
            self._was_online = bot.is_ready()
            refused.cancel()
            await asyncio.gather(refused, return_exceptions=True)
            await _close(bot, connection)

    async def _leave(self, bot: FunBot) -> None:
        """Take no new requests, finish or park what runs, and show that in its messages."""
        await self._services.chat.aclose()
        await bot.desk.close(_SHOW_S)


async def _token_refused(bot: FunBot, token: str) -> None:
    """Raise DiscordRefused once Discord takes the token no more, which is asked for twice."""
    while True:
        await bot.token_refused.wait()
        bot.token_refused.clear()
        try:
            await look_up(token)
        except (discord.HTTPException, *UNREACHABLE) as error:
            _log.info("A call was refused, and Discord cannot be asked why: %s", error)


def _raise_if_for_good(closed: discord.ConnectionClosed, reshardings: int) -> None:
    """Raise DiscordRefused unless connecting once more may help."""
    line = closure_line(closed.code)
    if closed.code in OTHER_SHARDS and reshardings < _MOST_RESHARDINGS:
        return
    if line is not None:
        raise DiscordRefused(line) from closed


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
