"""The bot as discord.py sees it: its connection, its intents and its cogs."""

import asyncio
from collections.abc import Callable, Iterable

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord.api.rate_limits import RestResponse, listening
from bot.discord.asking.desk import Desk
from bot.discord.asking.leftovers import show_leftovers
from bot.discord.cogs import CogParts, make_cogs
from bot.discord.metrics import Metrics
from bot.discord.ratings.offer import EarlyReactions, RatingOffer
from bot.discord.sync import sync_commands
from bot.front_end import Services

CogMaker = Callable[[commands.AutoShardedBot, CogParts], Iterable[commands.Cog]]


class FunBot(commands.AutoShardedBot):
    """One connection to Discord. Builds what its cogs share, and the cogs with it.

    `message_content` asks for the privileged intent of that name. `gateway_is_set` says that
    another gateway is to be used than the one that Discord names. `cogs` makes the cogs.
    """

    def __init__(
        self,
        services: Services,
        cogs: CogMaker = make_cogs,
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
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=False
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )
        self.services = services
        early = EarlyReactions(services.store)
        self.desk = Desk(self, services, RatingOffer(services.settings.emoji, early))
        self._parts = CogParts(services, self.desk, early, metrics)
        self._make_cogs = cogs
        self.token_refused = asyncio.Event()  # set where a call was answered so
        self._asks_for_shards = gateway_is_set and shard_count is None

    async def setup_hook(self) -> None:
        """Add the cogs, sync the commands, show leftovers; called once, after the login."""
        for cog in self._make_cogs(self, self._parts):
            await self.add_cog(cog)
        await sync_commands(self.tree, self.application_id or 0)
        await show_leftovers(self, self.desk)
        if self._asks_for_shards:
            # With a number of shards discord.py takes DEFAULT_GATEWAY, else what Discord answers.
            self.shard_count, _, _ = await self.http.get_bot_gateway()

    async def on_message(self, message: discord.Message, /) -> None:
        """Do nothing: there are no prefix commands, cogs listen for themselves."""

    def _hear(self, response: RestResponse) -> None:
        if response.is_refused_token:
            self.token_refused.set()
        self.desk.hear(response)
        if self._parts.metrics is not None:
            self._parts.metrics.hear(response)


def wanted_intents(*, message_content: bool) -> discord.Intents:
    """The events that the bot works with; `message_content` is the one that Discord has to grant.

    Without it the text of mentions, of replies to the bot, of direct messages and of commands
    comes all the same.
    """
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        guild_reactions=True,
        dm_reactions=True,
        message_content=message_content,
    )
