"""Asking Discord what this token may do, without being the bot yet."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import discord

from bot.errors import SettingsError

REFUSED = (
    "Discord refuses DISCORD_TOKEN: copy the bot's token once more from"
    " https://discord.com/developers/applications, page “Bot”, button “Reset Token”."
)
_MOST_SERVERS = 200


@dataclass(frozen=True, slots=True)
class Application:
    """What a token stands for; `content_granted` is the privileged message-content intent."""

    id: int
    name: str
    content_granted: bool


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the bot is in, with what its roles allow it there."""

    name: str
    permissions: int


async def look_up(token: str) -> Application:
    """The application of a token.

    Raises SettingsError for a bad token, HTTPException, aiohttp.ClientError or OSError when
    Discord cannot be asked.
    """
    async with _logged_in(token) as client:
        return _application(client)


async def survey(token: str) -> tuple[Application, list[Server]]:
    """The application and its first 200 servers; raises as `look_up` does."""
    async with _logged_in(token) as client:
        guilds = await client.http.get_guilds(_MOST_SERVERS)
        servers = [Server(str(one["name"]), int(one.get("permissions", 0))) for one in guilds]
        return _application(client), servers


@asynccontextmanager
async def _logged_in(token: str) -> AsyncGenerator[discord.Client, None]:
    async with discord.Client(intents=discord.Intents(guilds=True)) as client:
        try:
            await client.login(token)
        except discord.LoginFailure as error:
            raise SettingsError(REFUSED) from error
        yield client


def _application(client: discord.Client) -> Application:
    application = client.application
    if application is None:
        raise SettingsError(REFUSED)
    flags = application.flags
    granted = flags.gateway_message_content or flags.gateway_message_content_limited
    return Application(application.id, application.name, granted)
