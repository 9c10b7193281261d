"""The answer to one request in the making: what the attempts to get it have gathered so far."""

from collections.abc import Callable
from datetime import datetime

from bot.chat.events import Delta, Restarted, Started
from bot.chat.ticket import Ticket
from bot.chat.variants import Variants
from data.records import NewAnswer
from model.client import Done, Origin


class Draft:
    """Gathers what becomes a NewAnswer, and publishes it to the ticket's readers as it comes.

    It outlives a cancelled attempt, so that a stopped request can keep the text that is there.
    Times are counted in milliseconds from when the request was accepted, by `now`.
    """

    def __init__(self, ticket: Ticket, now: Callable[[], datetime]) -> None:
        self.ticket = ticket
        self._now = now
        self._variant = ticket.request.variant
        self._queue_ms = 0
        self._first_token_ms: int | None = None
        self._origin: Origin | None = None

    @property
    def variant(self) -> str:
        """Which variant the worker is to be asked for: the request's own until `fall_back`."""
        return self._variant

    def fall_back(self, variant: str) -> None:
        """Ask for another variant from now on."""
        self._variant = variant

    def start(self) -> None:
        """Note that the worker is asked. Only the first attempt publishes Started."""
        if not self.ticket.started:
            self._queue_ms = self._elapsed_ms()
            self.ticket.publish(Started(self.ticket.request.id))

    def add(self, text: str, origin: Origin | None) -> None:
        """Append text that came; `origin` is what it comes from, None where nobody says it."""
        self._origin = origin
        if self._first_token_ms is None:
            self._first_token_ms = self._elapsed_ms()
        self.ticket.publish(Delta(text))

    def restart(self, reason: str) -> None:
        """Drop the text so far; `reason` is a line for the person."""
        self._first_token_ms = None
        self.ticket.publish(Restarted(reason))

    def whole(self, done: Done) -> NewAnswer:
        """The answer after the worker's last word on it."""
        return NewAnswer(
            text=self.ticket.text,
            variant=self._variant,
            adapter_hash=done.adapter_hash,
            model_id=done.model_id,
            finish_reason=done.finish_reason,
            prompt_tokens=done.prompt_tokens,
            completion_tokens=done.completion_tokens,
            queue_ms=self._queue_ms,
            first_token_ms=self._first_token_ms,
            total_ms=self._elapsed_ms(),
        )

    def fragment(self, variants: Variants) -> NewAnswer | None:
        """The answer cut off here; None while there is nothing to read.

        Its token counts are unknown, because the worker tells them only at the end.
        """
        if not self.ticket.text.strip():
            return None
        # What the worker said when the answer began; the list of variants may be newer or older.
        origin = self._origin or variants.remembered(self._variant)
        return NewAnswer(
            text=self.ticket.text,
            variant=self._variant,
            adapter_hash=origin.adapter_hash if origin else None,
            model_id=origin.model_id if origin else "unknown",
            finish_reason="abort",
            prompt_tokens=None,
            completion_tokens=None,
            queue_ms=self._queue_ms,
            first_token_ms=self._first_token_ms,
            total_ms=self._elapsed_ms(),
        )

    def _elapsed_ms(self) -> int:
        """Whole milliseconds since acceptance; never negative, though a clock may be set back."""
        since = self._now() - self.ticket.request.created_at
        return max(0, round(since.total_seconds() * 1000))
