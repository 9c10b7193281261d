"""Looking at what Discord has, at the start and every hour: commands, places, intents."""

import asyncio
import contextlib
import logging
from collections.abc import Generator
from datetime import datetime, timedelta

import discord
from discord.ext import commands

from bot.clock import SYSTEM_CLOCK, Clock
from bot.discord.api.application import content_granted
from bot.discord.api.endpoints import NOT_DONE
from bot.discord.identity import conversation_id
from bot.discord.sync import sync_commands
from bot.front_end import Services
from data.errors import StoreError
from data.records import SettingKey
from data.store.choices import PlaceScope

EVERY_S = 3600.0
KEPT_AWAY = timedelta(days=30)  # what is set for a server or channel that the bot was taken out of
MOST_FETCHED = 50  # channels asked for in one look
_log = logging.getLogger(__name__)


class Upkeep(commands.Cog):
    """Keeps what is stored about Discord true.

    What was set for a channel that is deleted goes. What was set for a place that the bot was
    taken out of is kept for KEPT_AWAY, in case that it comes back.
    """

    def __init__(
        self, client: commands.AutoShardedBot, services: Services, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._client = client
        self._store = services.store
        self._is_automatic = services.settings.discord_message_content == "auto"
        self._clock = clock
        self._asked_for: set[str] = set()  # channels, in this round through all of them
        self._granted: bool | None = None  # the message-content intent, as Discord said last
        self._task: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="upkeep")

    async def cog_unload(self) -> None:
        """End the looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Note that the bot was taken out of a server."""
        with _logged():
            await self._judge("guild", str(guild.id), is_here=False)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Drop what was set for a channel."""
        await self._drop_channel(channel.id)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        """Drop what was set for a thread."""
        await self._drop_channel(event.thread_id)

    async def look(self) -> None:
        """Compare everything once. What Discord or the store refuses is logged."""
        with _logged():
            await sync_commands(self._client.tree, self._client.application_id or 0)
            await self._look_at_intents()
            await self.look_at_places()

    async def look_at_places(self) -> None:
        """Find out which of the servers and channels with settings are still there."""
        for guild_id in await self._store.places("guild"):
            is_here = self._client.get_guild(int(guild_id)) is not None
            await self._judge("guild", guild_id, is_here=is_here)
        channels = await self._store.places("channel")
        hidden: list[str] = []
        for channel_id in channels:
            if self._client.get_channel(int(channel_id)) is None:
                hidden.append(channel_id)
            else:
                await self._judge("channel", channel_id, is_here=True)
        if self._asked_for.issuperset(hidden):
            self._asked_for.clear()
        unasked = [one for one in hidden if one not in self._asked_for][:MOST_FETCHED]
        for channel_id in unasked:
            self._asked_for.add(channel_id)
            await self._ask_for(channel_id)

    async def _run(self) -> None:
        await self._client.wait_until_ready()
        with _logged():  # the commands were looked at before
            await self.look_at_places()
        while True:
            await asyncio.sleep(EVERY_S)
            await self.look()

    async def _ask_for(self, channel_id: str) -> None:
        """Ask Discord for a channel that no event named, such as an archived thread."""
        try:
            await self._client.fetch_channel(int(channel_id))
        except discord.NotFound:
            await self._drop_channel(int(channel_id))
        except (discord.Forbidden, discord.InvalidData):
            await self._judge("channel", channel_id, is_here=False)
        else:
            await self._judge("channel", channel_id, is_here=True)

    async def _judge(self, scope: PlaceScope, place: str, *, is_here: bool) -> None:
        """Note since when the bot has been away; after KEPT_AWAY, drop what was set."""
        noted = await self._store.setting(scope, place, SettingKey.AWAY_SINCE)
        now = self._clock.now()
        if is_here:
            if noted is not None:
                await self._store.set_setting(scope, place, SettingKey.AWAY_SINCE, None)
        elif noted is None:
            await self._store.set_setting(scope, place, SettingKey.AWAY_SINCE, now.isoformat())
        elif now - datetime.fromisoformat(noted) > KEPT_AWAY:
            await self._store.drop_place(scope, place)

    async def _drop_channel(self, channel_id: int) -> None:
        conversation = conversation_id(discord.Object(channel_id))
        with _logged():
            await self._store.drop_place("channel", str(channel_id))
            await self._store.drop_place("conversation", conversation)

    async def _look_at_intents(self) -> None:
        """Tell the operator when the message-content intent was granted or taken back."""
        granted = content_granted(await self._client.application_info())
        uses = self._client.intents.message_content
        if granted != self._granted and granted != uses and (uses or self._is_automatic):
            text = "grants the message-content intent now" if granted else (
                "does not grant the message-content intent any more"
            )  # fmt: skip
            _log.warning("Discord %s: the next start goes by that", text)
        self._granted = granted


@contextlib.contextmanager
def _logged() -> Generator[None]:
    """Log what Discord or the store refuses: the next look tries again."""
    try:
        yield
    except (StoreError, *NOT_DONE) as error:
        _log.warning("What Discord has could not be compared: %s", error)
