"""Deleting the bot's own messages for good: the one way of whoever takes something away."""

import logging

import discord

from bot.discord.answer.insisting import TemporaryRefusal, insist
from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.api.refusals import Remedy, remedy

AGAIN_S = (1.0, 5.0, 20.0)  # seconds between tries to delete a message
_log = logging.getLogger(__name__)


async def remove(client: discord.Client, channel_id: int, message_id: int) -> bool:
    """Delete a message of the bot. Whether it is gone, or as good as.

    As good as gone is what stands where the bot may not do anything any more. Where Discord cannot
    just now it is tried again for AGAIN_S; what still stands after that is logged, and False.
    """
    outlet = ChannelOutlet(client, channel_id, None)

    async def delete() -> None:
        try:
            await outlet.delete(message_id)
        except discord.HTTPException as refusal:
            match remedy(refusal):
                case Remedy.GONE:
                    return
                case Remedy.FORBIDDEN:
                    _log.warning(
                        "message %d stays, as I may not touch it: %d (%d)",
                        message_id, refusal.status, refusal.code,
                    )  # fmt: skip
                case Remedy.LATER:
                    raise TemporaryRefusal from refusal
                case _:
                    raise

    try:
        return await insist(delete, lambda error: _still_there(message_id, error), AGAIN_S)
    except discord.HTTPException as refusal:
        _still_there(message_id, refusal)
        return False


def _still_there(message_id: int, error: Exception) -> None:
    _log.warning("message %d is still there: %s", message_id, error.__cause__ or error)
