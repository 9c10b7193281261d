"""What the store could not say of messages: silence, and now and then a line in the log."""

import logging
from dataclasses import dataclass

from bot.clock import SYSTEM_CLOCK, Clock

PAUSE_S = 60.0
LEFT_ALONE = "a message is left alone, as it cannot be known whether it is for me"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pause:
    """Until when a line is not written again, and how often it was not."""

    until: float
    unsaid: int = 0


class Doubts:
    """Writes each line at most once each PAUSE_S seconds, however many messages come meanwhile.

    People who did not call the bot hear nothing of its troubles; the operator does.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._pauses: dict[str, _Pause] = {}

    def note(self, failure: BaseException, consequence: str = LEFT_ALONE) -> None:
        """Note what became of a message because of this failure."""
        _log.debug("%s", consequence, exc_info=failure)
        now = self._clock.monotonic()
        pause = self._pauses.setdefault(consequence, _Pause(now))
        if now < pause.until:
            pause.unsaid += 1
            return
        _log.error(
            "%s: %s: %s (%d more since the last such line)",
            consequence,
            type(failure).__name__,
            failure,
            pause.unsaid,
        )
        self._pauses[consequence] = _Pause(now + PAUSE_S)
