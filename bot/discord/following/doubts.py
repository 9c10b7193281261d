"""What the store could not say of messages: silence, and now and then a line in the log."""

import logging

from bot.clock import SYSTEM_CLOCK, Clock

PAUSE_S = 60.0
LEFT_ALONE = "a message is left alone, as it cannot be known whether it is for me"
_log = logging.getLogger(__name__)


class Doubts:
    """Writes at most one line each PAUSE_S seconds, however many messages come meanwhile.

    People who did not call the bot hear nothing of its troubles; the operator does.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._next: float | None = None
        self._unsaid = 0

    def note(self, failure: BaseException, consequence: str = LEFT_ALONE) -> None:
        """Note what became of a message because of this failure."""
        _log.debug("%s", consequence, exc_info=failure)
        now = self._clock.monotonic()
        if self._next is not None and now < self._next:
            self._unsaid += 1
            return
        _log.error(
            "%s: %s: %s (%d more since the last such line)",
            consequence,
            type(failure).__name__,
            failure,
            self._unsaid,
        )
        self._next, self._unsaid = now + PAUSE_S, 0
