"""The last look of messages in which Discord refuses what they should show."""

import logging
from collections.abc import Iterator

import discord

from bot.discord.answer.button_row import ButtonRow
from bot.discord.answer.picture import Picture, with_line
from bot.discord.answer.screen import Screen
from bot.discord.api.refusals import Remedy, remedy

_log = logging.getLogger(__name__)


async def close(screen: Screen, line: str, row: ButtonRow | None, *, may_send: bool = True) -> None:
    """Let the messages say `line` under what they show, and end: with `row`, or without buttons.

    Discord may refuse even that, so there are ever plainer looks; the last is no message at all.
    Raises what the outlet raises where a later call may work: it goes on then.
    """
    if not (screen.is_empty and not may_send):
        for look in _looks(screen, line, row):
            try:
                await screen.show(look)
            except discord.HTTPException as refusal:
                match remedy(refusal):
                    case Remedy.LATER:
                        raise
                    case Remedy.GONE:
                        break
                    case _:
                        _log.info("a last look was refused: %d", refusal.code)
            else:
                return
    await screen.abandon()


def _looks(screen: Screen, line: str, row: ButtonRow | None) -> Iterator[Picture]:
    """What to try, the best first."""
    accepted = screen.accepted
    if not accepted:  # nothing was shown, or nobody knows what an earlier process showed
        yield Picture((line,), row)
        yield Picture(("…",), None)
        return
    yield Picture(with_line(accepted, line), row)
    yield Picture(accepted, row)
    yield Picture(accepted, None)
    yield Picture((*accepted[:-1], line), None)
    yield Picture((*accepted[:-1], "…"), None)
