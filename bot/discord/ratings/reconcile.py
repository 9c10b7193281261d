"""Reading reactions anew after a time without events: what came and went meanwhile."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

import discord
from discord.ext import commands

from bot.discord.api.endpoints import UNREACHABLE
from bot.discord.identity import FRONT_END
from bot.discord.ratings.reactions import RatingReactions, emoji_name
from bot.front_end import Services
from bot.ratings.emoji import RatingEmoji
from data.errors import StoreError
from data.records import AnswerMessages, RatingKind, Reaction

MOST_PEOPLE = 500  # read for one emoji of one message
_FAILURES = 3  # in a row, after which Discord is left alone
_log = logging.getLogger(__name__)


class Reconcile(commands.Cog):
    """Compares the newest answers' reactions with Discord whenever a new session begins.

    One request follows the other, and discord.py waits for Discord's rate limits. What Discord
    does not show (a deleted message, a channel that the bot may not see) stays as it is stored.
    """

    def __init__(
        self, client: discord.Client, services: Services, ratings: RatingReactions
    ) -> None:
        self._client = client
        self._ratings = ratings
        self._store = services.store
        self._settings = services.settings
        self._task: asyncio.Task[None] | None = None
        self._again = False

    async def cog_unload(self) -> None:
        """Cancel the comparison that runs, and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Compare once more, as events from before this session are lost."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="reconcile reactions")

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                await self.reconcile()
            except StoreError as error:
                _log.error("Reactions could not be reconciled: %s", error)

    async def reconcile(self) -> int:
        """Compare the newest answers, newest first; gives how many changes were stored.

        Stops early where Discord fails several times in a row. Raises StoreError.
        """
        since = datetime.now(UTC) - timedelta(days=self._settings.reconcile_days)
        limit = self._settings.reconcile_answers
        shown = await self._store.answers_shown(FRONT_END, since=since, limit=limit)
        changes = failures = 0
        for answer in shown:
            try:
                changes += await self._correct(answer)
                failures = 0
            except (discord.DiscordServerError, *UNREACHABLE) as failure:
                failures += 1
                _log.warning("Reactions of answer %d: %s", answer.answer_id, type(failure).__name__)
                if failures == _FAILURES:
                    break
        _log.info("Reactions of %d answers compared, %d changes", len(shown), changes)
        return changes

    async def _correct(self, answer: AnswerMessages) -> int:
        with self._ratings.watching() as is_touched:
            stored = await self._store.reactions(answer.answer_id)
            added: list[Reaction] = []
            removed: list[Reaction] = []
            for message_id in answer.message_ids:
                look = await self.look(answer.channel_id, message_id)
                if look is not None:
                    own = [one for one in stored if one.message_id == message_id]
                    added += [one for one in look.there if one not in own]
                    removed += look.missing(own, self._settings.emoji)
            added = _without(added, is_touched)
            removed = _without(removed, is_touched)
            if added or removed:
                await self._store.correct_reactions(
                    FRONT_END, answer.answer_id, added=added, removed=removed
                )
                _tell_of_undecided(answer.answer_id, added)
            return len(added) + len(removed)

    async def look(self, channel_id: str, message_id: str) -> "SeenReactions | None":
        """The rating reactions that are on a message now; None where Discord does not show it.

        Raises HTTPException or one of UNREACHABLE where Discord fails.
        """
        channel = self._client.get_partial_messageable(int(channel_id))
        try:
            message = await channel.fetch_message(int(message_id))
            look = SeenReactions()
            for reaction in message.reactions:
                await self._read(message_id, reaction, look)
        except (discord.NotFound, discord.Forbidden):
            return None
        return look

    async def _read(
        self, message_id: str, reaction: discord.Reaction, look: "SeenReactions"
    ) -> None:
        emoji = emoji_name(reaction.emoji)
        kind = self._settings.emoji.kind(emoji)
        if kind is None:
            return
        normal = reaction.count - reaction.burst_count
        for is_super, count in ((False, normal), (True, reaction.burst_count)):
            if count > MOST_PEOPLE:
                look.unfinished.add(emoji)
            if count == 0 or (count == 1 and reaction.me and not is_super):
                continue  # nobody but us
            style = discord.ReactionType.burst if is_super else discord.ReactionType.normal
            async for person in reaction.users(limit=min(count, MOST_PEOPLE), type=style):
                if not person.bot:
                    look.there.append(
                        Reaction(message_id, str(person.id), emoji, kind, is_super=is_super)
                    )


class SeenReactions:
    """The rating reactions seen on one message.

    `there` are the reactions; of the emoji in `unfinished` it holds only the first people's.
    """

    def __init__(self) -> None:
        self.there: list[Reaction] = []
        self.unfinished: set[str] = set()

    def missing(self, stored: Collection[Reaction], emoji: RatingEmoji) -> list[Reaction]:
        """The stored reactions that are gone; emoji that are no ratings any more do not count."""
        return [
            one
            for one in stored
            if one not in self.there
            and one.emoji not in self.unfinished
            and emoji.kind(one.emoji) is not None
        ]


def _tell_of_undecided(answer_id: int, added: Collection[Reaction]) -> None:
    """Log how many people's reactions exclude each other, where Discord does not tell the order.

    Of two that came while the bot was away Discord lists both, without a time. One that was
    stored before is the earlier one, and the other counts.
    """
    kinds: defaultdict[str, set[RatingKind]] = defaultdict(set)
    for one in added:
        kinds[one.user_id].add(one.kind)
    people = sum(any(kind.excludes in given for kind in given) for given in kinds.values())
    if people:
        _log.info(
            "Answer %d: %d %s gave 👍 and 👎 while I was away. Discord does not tell which came"
            " later, so neither counts.",
            answer_id,
            people,
            "person" if people == 1 else "people",
        )


def _without(reactions: list[Reaction], is_touched: Callable[[Reaction], bool]) -> list[Reaction]:
    """The reactions that no event has changed meanwhile: events are newer than what was read."""
    return [one for one in reactions if not is_touched(one)]
