"""Rating with reactions: those that people add to an answer, and take back, become ratings."""

import contextlib
import logging
from collections.abc import Callable, Generator

import discord
from discord.ext import commands

from bot.discord.identity import FRONT_END
from bot.discord.ratings.offer import EarlyReactions, Key, key_of
from bot.front_end import Services
from data.errors import StoreError
from data.records import Reaction

_log = logging.getLogger(__name__)


def emoji_name(emoji: discord.PartialEmoji | discord.Emoji | str) -> str:
    """The name of an emoji in the store: itself as it came, a custom one's id as text."""
    if isinstance(emoji, str):
        return emoji
    return emoji.name if emoji.id is None else str(emoji.id)


class RatingReactions(commands.Cog):
    """Stores raw reaction events. Reactions of bots, and the bot's own, are no ratings."""

    def __init__(self, client: discord.Client, services: Services, early: EarlyReactions) -> None:
        self._client = client
        self._store = services.store
        self._emoji = services.settings.emoji
        self._early = early
        self._touched: set[Key] | None = None

    @contextlib.contextmanager
    def watching(self) -> Generator[Callable[[Reaction], bool]]:
        """Watch events; the callable says whether one since then has changed a reaction."""
        self._touched = touched = set[Key]()
        try:
            yield lambda one: not touched.isdisjoint((key_of(one), _cleared(one.message_id)))
        finally:
            self._touched = None

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Store a rating; any skin tone and super reactions count, also on old messages."""
        reaction = self._rating(event)
        if reaction is not None:
            self._note(key_of(reaction))
            with _logged():
                await self._early.add(reaction)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Remove the rating of a reaction that its person or a moderator took away."""
        key = message_id, person, emoji, is_super = _key(event)
        self._note(key)
        self._early.drop(key)
        with _logged():
            await self._store.unreact(FRONT_END, message_id, person, emoji, is_super=is_super)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, event: discord.RawReactionClearEvent) -> None:
        """Remove the ratings of a message from which a moderator took all reactions."""
        await self._clear(str(event.message_id), None)

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, event: discord.RawReactionClearEmojiEvent) -> None:
        """Remove the ratings with an emoji that a moderator took from a message."""
        await self._clear(str(event.message_id), emoji_name(event.emoji))

    async def _clear(self, message_id: str, emoji: str | None) -> None:
        self._note(_cleared(message_id))
        self._early.clear(message_id, emoji)
        with _logged():
            await self._store.clear_reactions(FRONT_END, message_id, emoji)

    def _note(self, key: Key) -> None:
        if self._touched is not None:
            self._touched.add(key)

    def _rating(self, event: discord.RawReactionActionEvent) -> Reaction | None:
        message_id, person, emoji, is_super = _key(event)
        kind = self._emoji.kind(emoji)
        own = self._client.user.id if self._client.user is not None else None
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
    """A key that stands for all reactions of a message."""
    return message_id, "", "", False


@contextlib.contextmanager
def _logged() -> Generator[None]:
    """Log a reaction that cannot be stored; the next start reads it anew."""
    try:
        yield
    except StoreError as error:
        _log.error("A reaction could not be stored: %s", error)
