"""Asking Discord what this token may do, before the bot itself begins."""

from dataclasses import dataclass

import discord

from bot.errors import SettingsError

REFUSED = (
    "Discord refuses DISCORD_TOKEN: copy the bot's token once more from"
    " https://discord.com/developers/applications, page “Bot”, button “Reset Token”."
)


@dataclass(frozen=True, slots=True)
class Application:
    """What a token stands for; `content_granted` is the privileged message-content intent."""

    id: int
    name: str
    content_granted: bool


async def look_up(token: str) -> Application:
    """Log in, look and leave.

    Raises SettingsError for a bad token, HTTPException, aiohttp.ClientError or OSError when
    Discord cannot be asked.
    """
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(token)
        except discord.LoginFailure as error:
            raise SettingsError(REFUSED) from error
        application = client.application
        if application is None:
            raise SettingsError(REFUSED)
        flags = application.flags
        granted = flags.gateway_message_content or flags.gateway_message_content_limited
        return Application(application.id, application.name, granted)
