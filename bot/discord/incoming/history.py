"""What was said before a message: its reply chain, or the channel it stands in."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import discord
from discord.abc import Messageable, Snowflake

from bot.chat.conversation import Utterance
from bot.discord.api.endpoints import UNREACHABLE
from bot.discord.identity import conversation_id
from bot.discord.incoming.message_cache import CachedMessage, MessageCache
from bot.discord.incoming.reading import lines_of, read
from data.records import SettingKey
from data.store.store import Store

READING_S = 3.0  # for one conversation: what Discord has not given by then is left out
_log = logging.getLogger(__name__)


class History:
    """Reads conversations from Discord as they stand now, with what was edited and deleted.

    `limit` is how many messages are read at most. What Discord does not show, or not within
    READING_S, is left out. Its methods may raise StoreError.
    """

    def __init__(
        self, client: discord.Client, store: Store, cache: MessageCache, limit: int
    ) -> None:
        self._client = client
        self._store = store
        self._cache = cache
        self._limit = limit

    async def before(self, message: discord.Message) -> tuple[Utterance, ...]:
        """The chain of messages that this one replies to, oldest first."""
        reference = message.reference
        return await self._chain(message, reference.message_id if reference else None)

    async def up_to(self, message: discord.Message) -> tuple[Utterance, ...]:
        """The chain of messages that ends with this one, oldest first."""
        return await self._chain(message, message.id)

    async def _chain(self, message: discord.Message, at: int | None) -> tuple[Utterance, ...]:
        after = await self._reset(message.channel)
        chain: list[CachedMessage] = []
        async with _optional():
            while at is not None and at > after and len(chain) < self._limit:
                said = await self._get(message, at)
                if said is None or said in chain or _is_before(said, after):
                    break
                chain.append(said)
                at = said.parent
        return lines_of(chain[::-1])

    async def of_channel(
        self, channel: Messageable, place: Snowflake, before: Snowflake | None = None
    ) -> tuple[Utterance, ...]:
        """The newest messages of a thread, a direct message or a channel, oldest first.

        `channel` is read and `place` names it in the store; both are mostly the same object. With
        `before`, only older messages count.
        """
        after = await self._reset(place)
        found: list[CachedMessage] = []
        async with _optional():
            async for message in channel.history(limit=self._limit, before=before):
                if message.id <= after:
                    break
                said = await self._cache.get(message.id, self._reading(message))
                if said is not None and not _is_before(said, after):
                    found.append(said)
        return lines_of(found[::-1])

    async def reset(self, place: Snowflake, at: Snowflake) -> None:
        """Forget what was said in `place` before `at`: it is never read again."""
        conversation = conversation_id(place)
        await self._store.reset(conversation)
        await self._store.set_setting(
            "conversation", conversation, SettingKey.RESET_SNOWFLAKE, str(at.id)
        )

    async def _reset(self, place: Snowflake) -> int:
        value = await self._store.setting(
            "conversation", conversation_id(place), SettingKey.RESET_SNOWFLAKE
        )
        return int(value) if value else 0

    def _reading(self, message: discord.Message) -> Callable[[], Awaitable[CachedMessage | None]]:
        return lambda: read(message, self._store, self._me)

    async def _get(self, message: discord.Message, parent: int) -> CachedMessage | None:
        async def fetch() -> CachedMessage | None:
            if message.id == parent:
                return await read(message, self._store, self._me)
            resolved = message.reference.resolved if message.reference else None
            if isinstance(resolved, discord.Message) and resolved.id == parent:
                return await read(resolved, self._store, self._me)
            try:
                found = await message.channel.fetch_message(parent)
            except (discord.Forbidden, discord.NotFound):
                return None
            return await read(found, self._store, self._me)

        return await self._cache.get(parent, fetch)

    @property
    def _me(self) -> int:
        return self._client.user.id if self._client.user else 0


@asynccontextmanager
async def _optional() -> AsyncGenerator[None]:
    """Read what is good to have: where Discord fails or is slow, what was read so far counts."""
    try:
        async with asyncio.timeout(READING_S):
            yield
    except (discord.HTTPException, discord.RateLimited, TimeoutError, *UNREACHABLE) as failure:
        _log.info("a conversation is read only in part: %s", type(failure).__name__)


def _is_before(said: CachedMessage, reset: int) -> bool:
    """Whether this answers what was asked before a reset, though it came after that."""
    return said.asked_at is not None and said.asked_at <= reset
