"""Forgetting a person: stopping what runs for them, emptying the store, deleting the answers."""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import discord

from bot.config.settings import BotSettings
from bot.discord.answer.removal import remove
from bot.discord.identity import FRONT_END
from bot.discord.incoming.message_cache import MessageCache
from bot.front_end import Services
from data.files.made_from import MadeFrom, forgotten_lines, made_from
from data.records import AnswerMessages, Forgotten, MadeExport
from model.errors import ConfigError
from model.loading.adapter_sources import configured_adapters

AT_ONCE = 8  # messages that are being deleted
STOP_S = 20.0  # for the person's running requests
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ForgetResult:
    """What was stored of a person, and what the bot cannot change by itself.

    `messages` is how many answers are being deleted on Discord, and `made` what was made from the
    exports with something of the person.
    """

    forgotten: Forgotten
    messages: int
    made: tuple[MadeFrom, ...] = ()


class Forgetting:
    """Forgets people; deletes the answers on Discord in tasks of its own, which `close` ends."""

    def __init__(self, client: discord.Client, services: Services, cache: MessageCache) -> None:
        self._client = client
        self._chat = services.chat
        self._store = services.store
        self._cache = cache
        self._folders = _folders(services.settings)
        self._deleting: set[asyncio.Task[None]] = set()

    async def forget(self, person: str, names: Collection[str] = ()) -> ForgetResult:
        """Forget a person, and log for the operator which exports hold something of them.

        `names` are what the person may be called in other people's requests of old, see
        `Store.forget`. Requests that do not stop within STOP_S are forgotten all the same. Raises
        StoreError.
        """
        running = [*self._chat.unfinished_of(person), *self._chat.open_tickets.repeating(person)]
        for ticket in running:
            ticket.stop()
        try:
            async with asyncio.timeout(STOP_S):
                for ticket in running:
                    await ticket.result()
        except TimeoutError:
            _log.warning("A request of somebody to be forgotten did not stop in time")
        shown = await self._store.answers_shown_to(FRONT_END, person)
        forgotten = await self._store.forget(person, names)
        self._chat.open_tickets.leave_out(person)
        self._cache.clear()
        messages = sum(len(one.message_ids) for one in shown)
        if messages:
            task = asyncio.create_task(self._delete(shown), name="delete answers")
            self._deleting.add(task)
            task.add_done_callback(self._deleting.discard)
        made = await asyncio.to_thread(self._tell_operator, forgotten.exports)
        return ForgetResult(forgotten, messages, made)

    def _tell_operator(self, exports: tuple[MadeExport, ...]) -> tuple[MadeFrom, ...]:
        for line in forgotten_lines(exports, self._folders):
            _log.warning("%s", line)
        return made_from(exports, self._folders)

    async def close(self) -> None:
        """Cancel what still deletes messages, and wait for its end."""
        for task in self._deleting:
            task.cancel()
        await asyncio.gather(*self._deleting, return_exceptions=True)

    async def _delete(self, shown: list[AnswerMessages]) -> None:
        """Delete the bot's messages, newest first; discord.py waits for Discord's rate limits.

        Several at once, so that one that Discord does not delete at once keeps nobody waiting.
        """
        free = asyncio.Semaphore(AT_ONCE)

        async def delete(channel_id: str, message_id: str) -> None:
            async with free:
                await remove(self._client, int(channel_id), int(message_id))

        await asyncio.gather(
            *(delete(one.channel_id, message_id) for one in shown for message_id in one.message_ids)
        )


def _folders(settings: BotSettings) -> list[Path]:
    """Where adapters and prepared data may lie."""
    try:
        adapters = configured_adapters(settings.adapters or None, settings.base_model)
    except ConfigError:
        adapters = {}
    return [settings.fungpt_home, *(Path(source).expanduser() for source in adapters.values())]
