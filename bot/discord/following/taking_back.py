"""Taking an answer back: its messages go from Discord, and what was said from the store."""

import logging
from collections.abc import Iterable

import discord

from bot.discord.answer.removal import remove
from bot.discord.identity import FRONT_END
from data.errors import StoreError
from data.records import RequestMessage
from data.store.store import Store

_log = logging.getLogger(__name__)


class TakingBack:
    """Removes answers without a word. What fails is logged, and left to the next start."""

    def __init__(self, client: discord.Client, store: Store) -> None:
        self._client = client
        self._store = store

    async def take_back(
        self, request_id: int, also: Iterable[RequestMessage] = (), *, forget: bool = True
    ) -> None:
        """Delete the messages of a request's answer, those that are stored and `also` these.

        With `forget` question and answer are taken out of the store afterwards, too; their ratings
        stay counted. Otherwise they are stored as if they had been shown to their end.
        """
        given = list(also)
        try:
            stored = await self._store.messages_of(request_id)
            messages = {(one.channel_id, one.message_id) for one in (*given, *stored)}
            for channel_id, message_id in sorted(messages):
                if not await remove(self._client, int(channel_id), int(message_id)):
                    return
            if forget:
                await self._store.withdraw(request_id)
            else:
                answer = await self._store.answer_for(request_id)
                shown_as = None if answer is None else answer.id
                await self._store.delivered(request_id, FRONT_END, shown_as, given)
        except StoreError as error:
            _log.error("request %d could not be taken back: %s", request_id, error)
