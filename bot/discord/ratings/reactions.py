"""Rating with reactions: what people put under an answer, and take back, becomes ratings."""

import contextlib
import logging
from collections.abc import Callable, Generator

import discord
from discord.ext import commands

from bot.discord.client import FunBot
from bot.discord.identity import FRONT_END
from bot.discord.ratings.offer import EarlyReactions, Key, RatingCog, key_of
from data.errors import StoreError
from data.records import Reaction

_log = logging.getLogger(__name__)


async def setup(bot: FunBot) -> None:
    """Listen to reactions."""
    await bot.add_cog(RatingReactions(bot))


def emoji_name(emoji: discord.PartialEmoji | discord.Emoji | str) -> str:
    """How an emoji is named in the store: itself as it came, a custom one by its number."""
    if isinstance(emoji, str):
        return emoji
    return emoji.name if emoji.id is None else str(emoji.id)


class RatingReactions(RatingCog):
    """Turns raw reaction events into rows; bots' reactions, and our own, are none."""

    def __init__(self, bot: FunBot) -> None:
        super().__init__(bot.services.settings.emoji, EarlyReactions(bot.services.store))
        self._bot = bot
        self._store = bot.services.store
        self._touched: set[Key] | None = None

    @contextlib.contextmanager
    def watching(self) -> Generator[Callable[[Reaction], bool]]:
        """Know what events change meanwhile: the callable says it of a reaction."""
        self._touched = touched = set[Key]()
        try:
            yield lambda one: not touched.isdisjoint((key_of(one), _cleared(one.message_id)))
        finally:
            self._touched = None

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """A reaction of any skin tone, a super reaction, also on a message of long ago."""
        reaction = self._rating(event)
        if reaction is not None:
            self._note(key_of(reaction))
            with _logged():
                await self.early.add(reaction)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Somebody takes a reaction back, or a moderator takes it away."""
        key = message_id, person, emoji, is_super = _key(event)
        self._note(key)
        self.early.drop(key)
        with _logged():
            await self._store.unreact(FRONT_END, message_id, person, emoji, is_super=is_super)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, event: discord.RawReactionClearEvent) -> None:
        """A moderator takes all reactions from a message."""
        await self._clear(str(event.message_id), None)

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, event: discord.RawReactionClearEmojiEvent) -> None:
        """A moderator takes one emoji from a message."""
        await self._clear(str(event.message_id), emoji_name(event.emoji))

    async def _clear(self, message_id: str, emoji: str | None) -> None:
        self._note(_cleared(message_id))
        self.early.clear(message_id, emoji)
        with _logged():
            await self._store.clear_reactions(FRONT_END, message_id, emoji)

    def _note(self, key: Key) -> None:
        if self._touched is not None:
            self._touched.add(key)

    def _rating(self, event: discord.RawReactionActionEvent) -> Reaction | None:
        message_id, person, emoji, is_super = _key(event)
        kind = self.emoji.kind(emoji)
        own = self._bot.user.id if self._bot.user is not None else None
        if kind is None or event.user_id == own:
            return None
        if event.member is not None and event.member.bot:
            return None
        if event.message_author_id not in (None, own):
            return None
        return Reaction(message_id, person, emoji, kind, is_super=is_super)


def _key(event: discord.RawReactionActionEvent) -> Key:
    return str(event.message_id), str(event.user_id), emoji_name(event.emoji), event.burst


def _cleared(message_id: str) -> Key:
    """Stands for all of a message's reactions."""
    return message_id, "", "", False


@contextlib.contextmanager
def _logged() -> Generator[None]:
    """A reaction that cannot be stored is in the log; the next start reads it anew."""
    try:
        yield
    except StoreError as error:
        _log.error("A reaction could not be stored: %s", error)
