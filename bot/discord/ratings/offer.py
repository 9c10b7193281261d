"""Offering the emoji to rate with, and keeping reactions that come before their answer."""

import logging
from collections import OrderedDict
from typing import Protocol

import discord

from bot.discord.api.refusals import Remedy, remedy
from bot.discord.identity import FRONT_END
from bot.ratings.emoji import RatingEmoji
from data.records import Reaction
from data.store.store import Store

MOST_EARLY = 1000  # reactions kept at once
_log = logging.getLogger(__name__)

Key = tuple[str, str, str, bool]  # message, person, emoji, whether it is a super reaction


class Rateable(Protocol):
    """A message, or as much of one as takes a reaction."""

    async def add_reaction(self, emoji: str, /) -> None:
        """Add the bot's own reaction."""
        ...


class EarlyReactions:
    """Reactions on messages that show no stored answer yet: people react while it is written.

    Methods that are coroutines may raise StoreError.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[Key, Reaction] = OrderedDict()

    async def add(self, reaction: Reaction) -> None:
        """Store the reaction, or keep it until its message is known; of too many the oldest go."""
        key = key_of(reaction)
        self._kept[key] = reaction
        while len(self._kept) > MOST_EARLY:
            self._kept.popitem(last=False)
        await self._take(key, reaction)

    def drop(self, key: Key) -> None:
        """Forget a reaction that was taken back."""
        self._kept.pop(key, None)

    def clear(self, message_id: str, emoji: str | None) -> None:
        """Forget a message's reactions, or those with one emoji."""
        for key in list(self._kept):
            if key[0] == message_id and emoji in (None, key[2]):
                del self._kept[key]

    async def take(self) -> None:
        """Store the kept reactions whose messages are known by now."""
        for key, reaction in list(self._kept.items()):
            await self._take(key, reaction)

    async def _take(self, key: Key, reaction: Reaction) -> None:
        known = await self._store.answer_by_message(FRONT_END, reaction.message_id) is not None
        if known and self._kept.pop(key, None) is not None:
            await self._store.react(FRONT_END, reaction)


class RatingOffer:
    """Lets people rate an answer whose messages are stored."""

    def __init__(self, emoji: RatingEmoji, early: EarlyReactions) -> None:
        self._emoji = emoji
        self._early = early

    async def __call__(self, message: Rateable) -> None:
        """Add the emoji to rate with to the answer's last message, then store early reactions.

        An emoji that Discord does not know is left out. Where it refuses all (the message is gone,
        a permission is missing, the asker has blocked the bot), nothing is raised.
        May raise StoreError.
        """
        await self._add_emoji(message)
        await self._early.take()

    async def _add_emoji(self, message: Rateable) -> None:
        for one in self._emoji.of_kind.values():
            try:
                await message.add_reaction(one)
            except discord.HTTPException as refusal:
                _log.info("Discord takes no reaction: %d (%d)", refusal.status, refusal.code)
                if remedy(refusal) is Remedy.NO_REACTION:
                    continue
                return


def key_of(reaction: Reaction) -> Key:
    """What identifies a reaction among all others."""
    return reaction.message_id, reaction.user_id, reaction.emoji, reaction.is_super
