"""The bot as discord.py sees it: intents, cogs, and what the cogs share."""

from collections.abc import Awaitable, Callable, Sequence

import discord
from discord.ext import commands

from bot.discord.api.rate_limits import Response, listening
from bot.discord.asking.desk import Desk
from bot.discord.asking.leftovers import show_leftovers
from bot.discord.intents import wanted_intents
from bot.discord.metrics import Metrics
from bot.discord.sync import sync_if_changed
from bot.front_end import Services


class FunBot(commands.AutoShardedBot):
    """Everything that cogs need hangs here: `services`, and `desk` for whatever asks.

    `gateway_is_set` says that another gateway than Discord's answer names is to be used.
    """

    def __init__(
        self,
        services: Services,
        cogs: Sequence["Setup"],
        *,
        message_content: bool = False,
        metrics: Metrics | None = None,
        gateway_is_set: bool = False,
        shard_count: int | None = None,
    ) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=wanted_intents(message_content=message_content),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            shard_count=shard_count,
            http_trace=listening(self._hear),
        )
        self.services = services
        self.metrics = metrics
        self.desk = Desk(self, services)
        self._cogs_to_load = tuple(cogs)
        self._asks_for_shards = gateway_is_set and shard_count is None

    async def setup_hook(self) -> None:
        """Load the cogs, sync the commands; called once, after the login."""
        for setup in self._cogs_to_load:
            await setup(self)
        await sync_if_changed(self.tree, self.services.store, self.application_id or 0)
        await show_leftovers(self, self.desk)
        if self._asks_for_shards:
            # With a number of shards discord.py takes DEFAULT_GATEWAY, else what Discord answers.
            self.shard_count, _, _ = await self.http.get_bot_gateway()

    async def on_message(self, message: discord.Message, /) -> None:
        """Do nothing: there are no prefix commands, cogs listen for themselves."""

    def _hear(self, response: Response) -> None:
        self.desk.hear(response)
        if self.metrics is not None:
            self.metrics.hear(response)


Setup = Callable[[FunBot], Awaitable[None]]
