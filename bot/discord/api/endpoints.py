"""Where discord.py finds Discord, and what it raises where it cannot reach it."""

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

# A cut connection is aiohttp's ServerDisconnectedError, which is no OSError.
UNREACHABLE = (aiohttp.ClientError, OSError)
# Whatever keeps Discord from doing a call; a time limit that ran out is an OSError, too.
NOT_DONE = (discord.HTTPException, discord.RateLimited, *UNREACHABLE)


def use_endpoints(api_url: str | None, gateway_url: str | None) -> None:
    """Set where discord.py calls, for the whole process; to be called before any login.

    `api_url` stands for `https://discord.com/api/v10`, `gateway_url` for
    `wss://gateway.discord.gg`; None leaves discord.py's own.
    """
    if api_url is not None:
        Route.BASE = api_url.rstrip("/")
    if gateway_url is not None:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
