"""The answer to one request in the making: what the attempts to get it have gathered so far."""

from collections.abc import Callable
from datetime import datetime

from bot.chat.events import Delta, Restarted, Retracted, Started, Thinking
from bot.chat.stream_text import StreamText, TextPiece
from bot.chat.ticket import Ticket
from bot.chat.variants import Variants
from bot.text import has_substance
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
        self._stream = StreamText()
        self._thinks = False
        self.goes_on_in_words = False  # the worker is asked for a continuation by a user's turn

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

    def listen(self, *, presumed: bool) -> None:
        """Begin with a stream of the worker; `presumed` is that of StreamText."""
        self._stream = StreamText(presumed=presumed)
        self._thinks = False

    def add(self, piece: str, origin: Origin | None) -> None:
        """Take in what came; `origin` is what it comes from, None where nobody says it."""
        self._origin = origin
        self._take(self._stream.take(piece))

    def think(self) -> None:
        """Note that the worker sent thoughts in a field of their own."""
        if not self._thinks:
            self._thinks = True
            self.ticket.publish(Thinking(self.ticket.request.id))

    @property
    def opens_in_thoughts(self) -> bool:
        """Whether this stream's thoughts ended without a beginning, as some templates make it."""
        return self._stream.closed_unopened

    def restart(self, reason: str) -> None:
        """Drop the text so far; `reason` is a line for the person."""
        self._first_token_ms = None
        self.ticket.publish(Restarted(reason))

    def whole(self, done: Done) -> NewAnswer:
        """The answer after the worker's last word on it; empty where it says nothing."""
        self._take(self._stream.end())
        text = self.ticket.text
        return NewAnswer(
            text=text if has_substance(text) else "",
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
        if not has_substance(self.ticket.text):
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

    def _take(self, piece: TextPiece) -> None:
        if piece.thinks:
            self.think()
        if piece.retracted and self.ticket.text:
            self._first_token_ms = None
            self.ticket.publish(Retracted(self.ticket.request.id))
        if piece.text:
            if self._first_token_ms is None:
                self._first_token_ms = self._elapsed_ms()
            self.ticket.publish(Delta(piece.text))

    def _elapsed_ms(self) -> int:
        """Whole milliseconds since acceptance; never negative, though a clock may be set back."""
        since = self._now() - self.ticket.request.created_at
        return max(0, round(since.total_seconds() * 1000))
