"""What becomes of answers when messages are deleted: questions, answers, whole channels."""

import asyncio
from collections.abc import Callable

import discord
from discord.abc import Snowflake

from bot.discord.asking.desk import Desk
from bot.discord.identity import channel_of
from bot.discord.rules import keeps_answers
from data.errors import StoreError
from data.records import Request
from data.store.store import Store


class Deletions:
    """An answer goes with its question, quietly, unless the server keeps answers.

    What nobody has read anything of yet is not answered in any case.
    """

    def __init__(self, client: discord.Client, store: Store, desk: Desk) -> None:
        self._client = client
        self._store = store
        self._desk = desk

    async def question_deleted(
        self, key: str, guild_id: int | None, *, is_moved: bool = False
    ) -> bool:
        """The message with this key is gone; `is_moved`: a copy stands for it, so nothing is kept.

        Waits until nothing of the question is being answered any more; gives whether it had been
        asked at all.
        """
        requests: list[Request] = []
        for shown in self._desk.about(key):
            if is_moved or not shown.delivery.has_shown_text:
                shown.withdraw(forget=True)
        try:
            requests = await self._store.requests_about(key)
            if requests and (is_moved or not await self._keeps(guild_id)):
                for request in requests:
                    await self._take_back(request)
        except StoreError as error:
            self._desk.doubts.note(error, "the answer to a deleted message stays")
        ends = [shown.ticket.result() for shown in self._desk.about(key) if shown.ticket.withdrawn]
        await asyncio.gather(*ends)
        return bool(requests)

    def answer_deleted(self, channel_id: int, message_id: int) -> None:
        """A moderator has deleted a message: if it shows a running answer, that is given up."""
        for shown in self._desk.showings:
            here = [(one.channel_id, one.message_id) for one in shown.delivery.messages]
            if (str(channel_id), str(message_id)) in here:
                shown.withdraw(forget=False)

    def places_gone(self, is_gone: Callable[[Snowflake], bool]) -> None:
        """The channels for which `is_gone` holds are closed to the bot: nothing is answered there.

        It is called while discord.py still knows these channels, or with their ids.
        """
        for shown in self._desk.showings:
            channel_id = channel_of(shown.ticket.request.conversation)
            if channel_id is None:
                continue
            channel = self._client.get_channel(channel_id) or discord.Object(channel_id)
            if is_gone(channel):
                shown.withdraw(forget=False)

    async def _take_back(self, request: Request) -> None:
        shown = self._desk.live_request(request.id)
        if shown is not None:
            shown.withdraw(forget=True)
        elif request.prompt:
            await self._desk.taking_back.take_back(request.id)

    async def _keeps(self, guild_id: int | None) -> bool:
        return guild_id is not None and await keeps_answers(self._store, guild_id)
