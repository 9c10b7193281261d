"""What the bot says to a person about a message besides answers: hints, refusals, failures."""

import logging
from dataclasses import dataclass

import discord

from bot.discord.answer.insisting import TRANSIENT
from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.answer.removal import remove
from bot.discord.api.refusals import RefusalLog
from bot.discord.newest import Newest

REMEMBERED = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Remark:
    channel_id: int
    message_id: int


class Remarks:
    """Says them in replies, one for each message, and takes them away with their message.

    `refusals` tells the operator what Discord refuses.
    """

    def __init__(self, client: discord.Client, refusals: RefusalLog) -> None:
        self._client = client
        self._refusals = refusals
        self._said: Newest[int, _Remark] = Newest(REMEMBERED)  # by the message's id
        self._count = 0

    async def say(self, message: discord.Message, text: str) -> None:
        """Reply to a message, in place of an earlier remark; what Discord refuses is logged."""
        earlier = self._said.get(message.id)
        self._said.forget(message.id)
        place, self._count = message.channel.id, self._count + 1
        outlet = ChannelOutlet(self._client, place, message.id)
        try:
            number = await outlet.send(text, None, f"{message.id}-{self._count % 10_000}")
        except discord.HTTPException as refusal:
            self._refusals.tell(place, refusal)
        except TRANSIENT as failure:
            _log.info("a remark was not taken: %s", type(failure).__name__)
        else:
            self._said.put(message.id, _Remark(place, number))
        for refusal in outlet.mended:
            self._refusals.tell(place, refusal)
        if earlier is not None:
            await remove(self._client, earlier.channel_id, earlier.message_id)

    async def take_away(self, message_id: int) -> None:
        """Delete the remark on a message, if there is one that is remembered."""
        remark = self._said.get(message_id)
        if remark is not None:
            self._said.forget(message_id)
            await remove(self._client, remark.channel_id, remark.message_id)
