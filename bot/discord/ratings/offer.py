"""Offering the emoji to rate with, and what people did before the answer was known."""

import logging
from collections import OrderedDict
from typing import Protocol

import discord
from discord.ext import commands

from bot.discord.identity import FRONT_END
from bot.ratings.emoji import RatingEmoji
from data.records import Reaction
from data.store.store import Store

MOST_EARLY = 1000
_log = logging.getLogger(__name__)

Key = tuple[str, str, str, bool]  # message, person, emoji, whether it is a super reaction


class Rateable(Protocol):
    """A message, or as much of one as takes a reaction."""

    async def add_reaction(self, emoji: str, /) -> None:
        """Add one's own reaction."""
        ...


class EarlyReactions:
    """Reactions on messages that show no answer yet: people react while it is being written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[Key, Reaction] = OrderedDict()

    async def add(self, reaction: Reaction) -> None:
        """Store the reaction, or keep it until its message is known; the oldest go."""
        key = key_of(reaction)
        self._kept[key] = reaction
        while len(self._kept) > MOST_EARLY:
            self._kept.popitem(last=False)
        await self._take(key, reaction)

    def drop(self, key: Key) -> None:
        """It was taken back."""
        self._kept.pop(key, None)

    def clear(self, message_id: str, emoji: str | None) -> None:
        """A message's reactions, or those of one emoji, were taken away."""
        for key in list(self._kept):
            if key[0] == message_id and emoji in (None, key[2]):
                del self._kept[key]

    async def take(self) -> None:
        """Store those whose messages are known by now."""
        for key, reaction in list(self._kept.items()):
            await self._take(key, reaction)

    async def _take(self, key: Key, reaction: Reaction) -> None:
        known = await self._store.answer_by_message(FRONT_END, reaction.message_id) is not None
        if known and self._kept.pop(key, None) is not None:
            await self._store.react(FRONT_END, reaction)


class RatingCog(commands.Cog):
    """What `offer` needs of the cog that listens to reactions."""

    def __init__(self, emoji: RatingEmoji, early: EarlyReactions) -> None:
        self.emoji = emoji
        self.early = early


async def offer(bot: commands.AutoShardedBot, message: Rateable) -> None:
    """Put the emoji to rate with under the last message of an answer whose messages are stored.

    Where Discord refuses that (the message is gone, a permission is missing), nothing is raised.
    May raise StoreError.
    """
    for cog in bot.cogs.values():
        if isinstance(cog, RatingCog):
            await _add(cog.emoji, message)
            await cog.early.take()


async def _add(emoji: RatingEmoji, message: Rateable) -> None:
    for one in emoji.of_kind.values():
        try:
            await message.add_reaction(one)
        except discord.HTTPException as refusal:
            _log.info("Discord takes no reaction: %d (%d)", refusal.status, refusal.code)
            return


def key_of(reaction: Reaction) -> Key:
    """What tells a reaction from others."""
    return reaction.message_id, reaction.user_id, reaction.emoji, reaction.is_super
