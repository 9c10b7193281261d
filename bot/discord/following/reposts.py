"""Recognising a person's message in what a proxy bot posts through a webhook in its place.

Such bots (PluralKit, Tupperbox) post a copy under another name and delete the original, in either
order. Anything else that a webhook says is nobody's message.
"""

from collections import OrderedDict
from dataclasses import dataclass

import discord

from bot.clock import SYSTEM_CLOCK, Clock
from bot.discord.incoming.addressing import calls_in

WITHIN_S = 15.0  # from one of message, copy and deletion to the next
REMEMBERED = 500


@dataclass(eq=False, slots=True)
class _Original:
    message: discord.Message
    at: float  # when something was last heard of it
    is_meant: bool = False
    is_gone: bool = False
    copy: discord.Message | None = None


@dataclass(frozen=True, slots=True)
class Repost:
    """A person's message that is gone, and the copy that stands for it."""

    original: discord.Message
    copy: discord.Message


class Reposts:
    """Pairs originals with copies. Each of the three events gives the pair that it completes.

    A pair is complete when the original was meant for the bot, is gone, and has a copy; each
    original and each copy belongs to one pair.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._originals: OrderedDict[int, _Original] = OrderedDict()

    def said(self, message: discord.Message) -> None:
        """A person has said this."""
        self._originals[message.id] = _Original(message, self._clock.monotonic())
        while len(self._originals) > REMEMBERED:
            self._originals.popitem(last=False)

    def meant(self, message: discord.Message) -> Repost | None:
        """What a person said turns out to be for the bot."""
        original = self._recent(message.id)
        if original is None:
            return None
        original.is_meant = True
        original.message = message
        return self._completed(original)

    def deleted(self, message_id: int) -> Repost | None:
        """A message was deleted, which may be an original or a copy."""
        for one in self._originals.values():
            if one.copy is not None and one.copy.id == message_id:
                one.copy = None
        original = self._recent(message_id)
        if original is None:
            return None
        original.is_gone, original.at = True, self._clock.monotonic()
        return self._completed(original)

    def posted(self, copy: discord.Message) -> Repost | None:
        """A webhook has posted this."""
        if copy.webhook_id is None or copy.webhook_id == copy.application_id:
            return None  # the second is how bots answer commands
        for original in reversed(list(self._originals.values())):
            is_free = self._is_recent(original) and original.copy is None
            if is_free and is_copy(copy, original.message):
                original.copy, original.at = copy, self._clock.monotonic()
                return self._completed(original)
        return None

    def _completed(self, original: _Original) -> Repost | None:
        if original.copy is None or not (original.is_meant and original.is_gone):
            return None
        del self._originals[original.message.id]
        return Repost(original.message, original.copy)

    def _recent(self, message_id: int) -> _Original | None:
        original = self._originals.get(message_id)
        return original if original is not None and self._is_recent(original) else None

    def _is_recent(self, original: _Original) -> bool:
        return self._clock.monotonic() - original.at <= WITHIN_S


def is_copy(copy: discord.Message, original: discord.Message) -> bool:
    """Whether a webhook's message says what the original says. Pure.

    A proxy bot may leave out the marks at both ends that tell it whom the person speaks as, but
    not a call to somebody; of a text without any at least half has to be there.
    """
    if copy.channel.id != original.channel.id or copy.id == original.id:
        return False
    said, text = original.content.strip(), copy.content.strip()
    if not text:
        return bool(copy.attachments) and len(copy.attachments) == len(original.attachments)
    called = calls_in(said)
    kept = calls_in(text) == called
    return (
        text in said and kept and (bool(called.people | called.roles) or 2 * len(text) >= len(said))
    )
