"""The button under an answer whose question was edited since: it offers a new answer."""

import logging
import re

import discord

from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.api.endpoints import NOT_DONE
from bot.discord.asking.composing import Composer
from bot.discord.identity import asking_message
from data.records import Request
from data.store.store import Store

_CUSTOM_ID = re.compile(r"fungpt:edited:(\d{1,18})")
_LABEL, _EMOJI = "Answer the edit", "✏️"
_log = logging.getLogger(__name__)


def edited_button(custom_id: str) -> int | None:
    """The id of the request under whose answer the button stands; None if it is not ours. Pure."""
    found = _CUSTOM_ID.fullmatch(custom_id)
    return int(found[1]) if found else None


def with_button(message: discord.Message, request_id: int) -> discord.ui.View | None:
    """The buttons of a message with the one for an edit; None if it has that already. Pure."""
    there = discord.ui.View.from_message(message, timeout=None)
    view = without_button(message)
    if len(view.children) < len(there.children):
        return None
    own_id = f"fungpt:edited:{request_id}"
    view.add_item(discord.ui.Button(label=_LABEL, emoji=_EMOJI, custom_id=own_id))
    return view


def without_button(message: discord.Message) -> discord.ui.View:
    """The buttons of a message without the one for an edit. Pure."""
    view = discord.ui.View.from_message(message, timeout=None)
    for item in list(view.children):
        if edited_button(str(getattr(item, "custom_id", ""))) is not None:
            view.remove_item(item)
    view.stop()  # it is not listened to: that would keep it in memory for good
    return view


class Edits:
    """Offers new answers to messages that were edited after they had been answered."""

    def __init__(self, client: discord.Client, store: Store, composer: Composer) -> None:
        self._client = client
        self._store = store
        self._composer = composer

    def differs(self, message: discord.Message, request: Request) -> bool:
        """Whether a message does not read any more as it did when this was asked."""
        if message.edited_at is None or message.edited_at <= request.created_at:
            return False
        text = self._composer.text(message)
        if not text:
            return False  # it may be that Discord does not show it to the bot
        return not (request.prompt == text or request.prompt.startswith(f"{text}\n"))

    async def offer(self, requests: list[Request]) -> None:
        """Put the button under the newest answer to a question; `requests` are all about it.

        Where there is no answer to stand under, or Discord refuses, nothing is offered. Raises
        StoreError.
        """
        own = [one for one in requests if one.prompt and asking_message(one.source_key) is not None]
        if not own:
            return
        messages = await self._store.messages_of(own[-1].id)
        if not messages:
            return
        place = int(messages[-1].channel_id)
        channel = self._client.get_partial_messageable(place)
        try:
            answer = await channel.fetch_message(int(messages[-1].message_id))
            row = with_button(answer, own[-1].id)
            if row is not None:
                outlet = ChannelOutlet(self._client, place, None)
                await outlet.mending(lambda view: answer.edit(view=view), row)
        except NOT_DONE as failure:
            _log.info("no new answer can be offered: %s", type(failure).__name__)
