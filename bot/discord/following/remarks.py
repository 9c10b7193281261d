"""What the bot says to a person about a message besides answers: hints, refusals, failures."""

import logging

import discord

from bot.discord.answer.outlet import ONLY_THE_ANSWERED
from bot.discord.api.endpoints import NOT_DONE
from bot.discord.newest import Newest

REMEMBERED = 500
_log = logging.getLogger(__name__)


class Remarks:
    """Says them in replies, one for each message, and takes them away with their message."""

    def __init__(self) -> None:
        self._said: Newest[int, discord.Message] = Newest(REMEMBERED)  # by the message's id

    async def say(self, message: discord.Message, text: str) -> None:
        """Reply to a message, in place of an earlier remark; what Discord refuses is logged."""
        await self.take_away(message.id)
        try:
            remark = await message.channel.send(
                text,
                reference=message.to_reference(fail_if_not_exists=False),
                allowed_mentions=ONLY_THE_ANSWERED,
            )
        except discord.HTTPException as refusal:
            _log.info("a remark was not taken: %d (%d)", refusal.status, refusal.code)
        except NOT_DONE as failure:
            _log.info("a remark was not taken: %s", type(failure).__name__)
        else:
            self._said.put(message.id, remark)

    async def take_away(self, message_id: int) -> None:
        """Delete the remark on a message, if there is one that is remembered."""
        remark = self._said.get(message_id)
        if remark is None:
            return
        self._said.forget(message_id)
        try:
            await remark.delete()
        except NOT_DONE as failure:
            _log.info("a remark could not be taken away: %s", type(failure).__name__)
