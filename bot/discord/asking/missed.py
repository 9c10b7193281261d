"""What happened to questions while the bot was away: edited, or deleted."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

import discord
from discord.ext import commands

from bot.discord.api.endpoints import NOT_DONE
from bot.discord.asking.composing import Composer
from bot.discord.asking.deletions import Deletions
from bot.discord.asking.desk import Desk
from bot.discord.asking.edits import Edits
from bot.discord.identity import (
    FRONT_END,
    MESSAGE_KIND,
    asking_channel,
    asking_message,
    question_key,
)
from bot.front_end import Services
from data.errors import StoreError
from data.records import Request

LOOK_BACK = timedelta(hours=6)
MOST_LOOKED_AT = 100
LOOK_UP_S = 5.0
_UNKNOWN_MESSAGE = 10008
_FAILURES = 3  # in a row, after which Discord is left alone
_log = logging.getLogger(__name__)


class Fate(Enum):
    """Why there is no message to look at."""

    DELETED = auto()
    HIDDEN = auto()  # the bot may not see it, or no message asked this
    UNKNOWN = auto()  # Discord did not say


async def look_up(client: discord.Client, request: Request) -> discord.Message | Fate:
    """The message that asked this, as it reads now."""
    channel_id = asking_channel(request.source_key)
    message_id = asking_message(request.source_key)
    if channel_id is None or message_id is None:
        return Fate.HIDDEN
    try:
        async with asyncio.timeout(LOOK_UP_S):
            return await client.get_partial_messageable(channel_id).fetch_message(message_id)
    except (discord.NotFound, discord.Forbidden) as refusal:
        return Fate.DELETED if refusal.code == _UNKNOWN_MESSAGE else Fate.HIDDEN
    except NOT_DONE:
        return Fate.UNKNOWN


class MissedChanges(commands.Cog):
    """Looks at the newest answered questions whenever a new session begins."""

    def __init__(self, client: discord.Client, services: Services, desk: Desk) -> None:
        self._client = client
        self._store = services.store
        self._deletions = Deletions(client, services.store, desk)
        self._edits = Edits(client, services.store, Composer(client, desk))
        self._task: asyncio.Task[None] | None = None

    async def cog_unload(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Look once more, as events from before this session are lost."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="missed changes")

    async def _run(self) -> None:
        since = datetime.now(UTC) - LOOK_BACK
        looked_at: set[str] = set()
        failures = 0
        try:
            for request in await self._store.questions_since(
                FRONT_END, MESSAGE_KIND, since, MOST_LOOKED_AT
            ):
                key = question_key(request.source_key)
                if key not in looked_at and failures < _FAILURES:
                    looked_at.add(key)  # the newest answer to it came first
                    failures = 0 if await self._look(request, key) else failures + 1
        except StoreError as error:
            _log.error("Deleted questions could not be looked for: %s", error)

    async def _look(self, request: Request, key: str) -> bool:
        """Whether Discord said what became of the question."""
        found = await look_up(self._client, request)
        if found is Fate.DELETED:
            await self._deletions.question_deleted(key, self._guild_of(request))
        elif isinstance(found, discord.Message) and self._edits.differs(found, request):
            await self._edits.offer(await self._store.requests_about(key))
        return found is not Fate.UNKNOWN

    def _guild_of(self, request: Request) -> int | None:
        channel = self._client.get_channel(asking_channel(request.source_key) or 0)
        guild = getattr(channel, "guild", None)
        return None if guild is None else guild.id
