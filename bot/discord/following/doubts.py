"""Messages of which nobody knows whether they are for the bot: silence, and now and then a line."""

import logging

from bot.clock import SYSTEM_CLOCK, Clock

PAUSE_S = 60.0
_log = logging.getLogger(__name__)


class Doubts:
    """Writes at most one line each PAUSE_S seconds, however many messages come meanwhile.

    People who did not call the bot hear nothing of its troubles; the operator does.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._next: float | None = None
        self._unsaid = 0

    def note(self, failure: BaseException) -> None:
        """Note that a message was left alone because of this failure."""
        _log.debug("why a message is left alone", exc_info=failure)
        now = self._clock.monotonic()
        if self._next is not None and now < self._next:
            self._unsaid += 1
            return
        _log.error(
            "a message is left alone, as it cannot be known whether it is for me: %s: %s"
            " (%d more since the last such line)",
            type(failure).__name__,
            failure,
            self._unsaid,
        )
        self._next, self._unsaid = now + PAUSE_S, 0
