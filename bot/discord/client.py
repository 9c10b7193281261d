"""The bot as discord.py sees it: intents, cogs, and what the cogs share."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import discord
from discord.ext import commands

from bot.discord.desk import Desk
from bot.discord.intents import wanted_intents
from bot.discord.metrics import Metrics
from bot.front_end import Services


class FunBot(commands.AutoShardedBot):
    """Everything that cogs need hangs here: `services`, and `desk` for whatever asks."""

    def __init__(
        self,
        services: Services,
        cogs: Sequence["Setup"],
        *,
        message_content: bool = False,
        http_trace: aiohttp.TraceConfig | None = None,
        shard_count: int | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        options: dict[str, Any] = {} if http_trace is None else {"http_trace": http_trace}
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=wanted_intents(message_content=message_content),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            shard_count=shard_count,
            **options,
        )
        self.services = services
        self.metrics = metrics
        self.desk = Desk(self, services)
        self._cogs_to_load = tuple(cogs)

    async def setup_hook(self) -> None:
        """Load the cogs; called once, after the login and before the connection."""
        for setup in self._cogs_to_load:
            await setup(self)

    async def on_message(self, message: discord.Message, /) -> None:
        """Do nothing: there are no prefix commands, cogs listen for themselves."""


Setup = Callable[[FunBot], Awaitable[None]]
