"""The application behind a token: what it is, what Discord grants it, what it needs in a server."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import discord

from bot.errors import DiscordRefused

REFUSED = (
    "Discord refuses DISCORD_TOKEN: copy the bot's token once more from"
    " https://discord.com/developers/applications, page “Bot”, button “Reset Token”."
)
PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    read_message_history=True,  # for replies, reply chains and reactions made meanwhile
    add_reactions=True,
)
SCOPES = ("bot", "applications.commands")
_MOST_SERVERS = 200


@dataclass(frozen=True, slots=True)
class Application:
    """What a token stands for; `content_granted` is the privileged message-content intent."""

    id: int
    name: str
    content_granted: bool


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the bot is in; `permissions` is Discord's number for what it may do there."""

    name: str
    permissions: int


async def look_up(token: str) -> Application:
    """The application of a token.

    Raises DiscordRefused for a bad token, and HTTPException or one of UNREACHABLE when Discord
    cannot be asked.
    """
    async with _logged_in(token) as client:
        return _application(client)


async def survey(token: str) -> tuple[Application, list[Server]]:
    """The application and its first 200 servers; raises as `look_up` does."""
    async with _logged_in(token) as client:
        guilds = await client.http.get_guilds(_MOST_SERVERS)
        servers = [Server(str(one["name"]), int(one.get("permissions", 0))) for one in guilds]
        return _application(client), servers


def invite_link(application_id: int) -> str:
    """The page where a server's manager adds the bot, with just the permissions that it needs."""
    return discord.utils.oauth_url(application_id, permissions=PERMISSIONS, scopes=SCOPES)


def missing(granted: int) -> list[str]:
    """The titles of the needed permissions that `granted`, Discord's number, lacks. Pure."""
    held = discord.Permissions(granted)
    if held.administrator:
        return []
    return [title(name) for name, needed in PERMISSIONS if needed and not getattr(held, name)]


def title(name: str) -> str:
    """A permission's name as Discord's own pages write it. Pure."""
    shown = "view_channel" if name == "read_messages" else name
    return shown.replace("_", " ").title().replace(" In ", " in ")


def content_granted(application: discord.AppInfo) -> bool:
    """Whether Discord grants the privileged message-content intent. Pure."""
    flags = application.flags
    return flags.gateway_message_content or flags.gateway_message_content_limited


@asynccontextmanager
async def _logged_in(token: str) -> AsyncGenerator[discord.Client, None]:
    async with discord.Client(intents=discord.Intents(guilds=True)) as client:
        try:
            await client.login(token)
        except discord.LoginFailure as error:
            raise DiscordRefused(REFUSED) from error
        yield client


def _application(client: discord.Client) -> Application:
    application = client.application
    if application is None:
        raise DiscordRefused(REFUSED)
    return Application(application.id, application.name, content_granted(application))
