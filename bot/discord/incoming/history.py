"""What was said before a message: its reply chain, or the channel it stands in."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import discord
from discord.abc import Messageable, Snowflake

from bot.chat.conversation import Utterance
from bot.discord.api.patience import Patience
from bot.discord.identity import conversation_id, own_id
from bot.discord.incoming.lines import Lines
from bot.discord.incoming.message_cache import CachedMessage, MessageCache
from bot.discord.incoming.reading import read, replied_to
from bot.discord.newest import Newest
from data.records import SettingKey
from data.store.store import Store

_BARE_THREADS = 1000  # threads that hang on no message, remembered


class History:
    """Reads conversations from Discord as they stand now, with what was edited and deleted.

    `limit` is how many messages are read at most. What Discord does not show, or not in time, is
    left out. Its methods may raise StoreError.
    """

    def __init__(
        self, client: discord.Client, store: Store, cache: MessageCache, limit: int
    ) -> None:
        self._client = client
        self._store = store
        self._cache = cache
        self._limit = limit
        self._lines = Lines(cache)
        self._bare_threads: Newest[int, bool] = Newest(_BARE_THREADS)

    async def before(
        self,
        message: discord.Message,
        patience: Patience,
        *,
        whole_place: bool = False,
    ) -> tuple[Utterance, ...]:
        """The chain of messages that this one replies to, oldest first.

        With `whole_place` the newest messages of its channel follow, as far as they are not part
        of the chain.
        """
        channel = message.channel
        said = await self._chain(message, replied_to(message), patience)
        if whole_place:
            newest = await self._newest(channel, channel, message, patience)
            ids = {one.message_id for one in newest}
            said = [*(one for one in said if one.message_id not in ids), *newest]
        if message.id != channel.id:  # else it opens the thread itself
            said = await self._opened(channel, said, patience)
        return await self._lines.of(said, message.guild, patience)

    async def up_to(self, message: discord.Message, patience: Patience) -> tuple[Utterance, ...]:
        """The chain of messages that ends with this one, oldest first; this one in any case."""
        self._cache.forget(message.id)  # a command brings it in full
        chain = await self._chain(message, message.id, patience)
        if not chain:
            return await self.alone(message, patience)
        opened = await self._opened(message.channel, chain, patience)
        return await self._lines.of(opened, message.guild, patience)

    async def alone(
        self, message: discord.Message, patience: Patience, note: str = ""
    ) -> tuple[Utterance, ...]:
        """What one message says, wherever it stands, after `note` if it is another's."""
        said = await self._cache.get(message.id, self._reading(message))
        if said is None:
            return ()
        if note and said.speaker is not None:
            said = replace(said, contents=replace(said.contents, said=note + said.contents.said))
        return await self._lines.of([said], message.guild, patience)

    async def of_channel(
        self, channel: Messageable, place: Snowflake, before: Snowflake, patience: Patience
    ) -> tuple[Utterance, ...]:
        """The newest messages of a thread, a direct message or a channel, oldest first.

        `channel` is read and `place` names it in the store; both are mostly the same object. Only
        what is older than `before`, a command, counts. A thread begins with the message that it
        hangs on. Other bots' messages are left out, unless they open a post.
        """
        said = await self._newest(channel, place, before, patience)
        said = await self._opened(place, said, patience)
        return await self._lines.of(said, getattr(place, "guild", None), patience)

    async def reset(self, place: Snowflake, at: Snowflake) -> None:
        """Forget what was said in `place` before `at`: it is never read again."""
        conversation = conversation_id(place)
        await self._store.reset(conversation)
        await self._store.set_setting(
            "conversation", conversation, SettingKey.RESET_SNOWFLAKE, str(at.id)
        )

    async def _chain(
        self, message: discord.Message, at: int | None, patience: Patience
    ) -> list[CachedMessage]:
        """The messages that reply to each other, from the oldest to the one with id `at`."""
        after = await self._reset(message.channel)
        chain: list[CachedMessage] = []
        while at is not None and at > after and len(chain) < self._limit:
            said = await self._get(message, at, patience)
            if said is None or said in chain or _is_before(said, after):
                break
            chain.append(said)
            at = said.parent
        return chain[::-1]

    async def _newest(
        self, channel: Messageable, place: Snowflake, before: Snowflake, patience: Patience
    ) -> list[CachedMessage]:
        """What people and the bot said in a channel, oldest first."""
        after = await self._reset(place)
        found: list[discord.Message] = []

        async def collect() -> None:
            async for message in channel.history(limit=self._limit, before=before):
                if message.id <= after:
                    break
                found.append(message)

        await patience.read("what was said before", collect, None)
        known = [await self._cache.get(one.id, self._reading(one)) for one in reversed(found)]
        return [
            one
            for one in known
            if one is not None and not one.is_bot and not _is_before(one, after)
        ]

    async def _opened(
        self, place: object, said: list[CachedMessage], patience: Patience
    ) -> list[CachedMessage]:
        """The messages of a thread, from the one on that it hangs on, or that opens a post."""
        if not isinstance(place, discord.Thread) or place.id <= await self._reset(place):
            return said
        first = await self._starter(place, patience)
        others = [one for one in said if one.message_id != place.id]
        return said if first is None else [first, *others]

    async def _starter(self, thread: discord.Thread, patience: Patience) -> CachedMessage | None:
        """The message that opened a thread: it has the thread's id; None if there is none."""
        if self._bare_threads.get(thread.id):
            return None
        in_post = isinstance(thread.parent, discord.ForumChannel)
        home = thread if in_post else self._client.get_partial_messageable(
            thread.parent_id, guild_id=thread.guild.id
        )  # fmt: skip
        return await self._cache.get(
            thread.id, lambda: self._fetch(home, thread.id, patience, self._bare_threads)
        )

    async def _get(
        self, message: discord.Message, wanted: int, patience: Patience
    ) -> CachedMessage | None:
        async def fetch() -> CachedMessage | None:
            resolved = message.reference.resolved if message.reference else None
            for one in (message, resolved):
                if isinstance(one, discord.Message) and one.id == wanted:
                    return await read(one, self._store, self._me)
            return await self._fetch(message.channel, wanted, patience)

        return await self._cache.get(wanted, fetch)

    async def _fetch(
        self,
        channel: Messageable,
        wanted: int,
        patience: Patience,
        missing: Newest[int, bool] | None = None,
    ) -> CachedMessage | None:
        """Fetch and read a message; note in `missing` that there is none."""

        async def fetch() -> discord.Message | None:
            try:
                return await channel.fetch_message(wanted)
            except discord.NotFound:
                if missing is not None:
                    missing.put(wanted, True)
                return None

        found = await patience.read("an earlier message", fetch, None)
        return None if found is None else await read(found, self._store, self._me)

    async def _reset(self, place: Snowflake) -> int:
        value = await self._store.setting(
            "conversation", conversation_id(place), SettingKey.RESET_SNOWFLAKE
        )
        return int(value) if value else 0

    def _reading(self, message: discord.Message) -> Callable[[], Awaitable[CachedMessage | None]]:
        return lambda: read(message, self._store, self._me)

    @property
    def _me(self) -> int:
        return own_id(self._client)


def _is_before(said: CachedMessage, reset: int) -> bool:
    """Whether this answers what was asked before a reset, though it came after that."""
    return said.asked_at is not None and said.asked_at <= reset
