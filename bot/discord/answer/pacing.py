"""How often a message may be edited: learned from Discord's answers, per channel. Pure."""

from bot.discord.newest import Newest

_LEAST_S = 0.25  # between edits; nobody reads faster
_CALMING = 0.7  # how fast a pace recovers
_REMEMBERED = 500


class Pace:
    """When the next edit in a channel is due; all answers in the channel share it.

    Three things slow it down: an edit that took long (discord.py held it back for a rate limit),
    the rate limit's own figures, and a 429. Times are seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self.interval_s = _LEAST_S
        self._next_at = 0.0
        self._limited = False

    def reserve(self, now: float) -> float:
        """Take the next edit's turn; gives the seconds to wait for it."""
        at = max(now, self._next_at)
        self._next_at = at + self.interval_s
        return at - now

    def took(self, seconds: float) -> None:
        """Learn from an edit that was done: how many seconds the call took."""
        if seconds > self.interval_s:
            self.interval_s = seconds
        elif not self._limited:
            self._calm(max(_LEAST_S, seconds))
        self._limited = False

    def limits(self, remaining: int, reset_after_s: float, now: float) -> None:
        """Learn a rate limit: `remaining` edits are left for the next `reset_after_s` seconds."""
        if remaining > 0:
            even = reset_after_s / remaining
            if even > self.interval_s:
                self.interval_s = even
            self._limited = even > _LEAST_S
        else:
            self._next_at = max(self._next_at, now + reset_after_s)
            self.interval_s = max(self.interval_s, min(reset_after_s, 2 * self.interval_s))
            self._limited = True

    def refused(self, retry_after_s: float, now: float) -> None:
        """Learn from a 429: no edit for `retry_after_s` seconds, then half as many."""
        self._next_at = max(self._next_at, now + retry_after_s)
        self.interval_s = max(2 * self.interval_s, retry_after_s)
        self._limited = True

    def _calm(self, least: float) -> None:
        self.interval_s = max(least, self.interval_s * _CALMING)


class Paces:
    """The paces of the channels edited lately, by the bucket names of `api/rate_limits.py`."""

    def __init__(self) -> None:
        self._paces: Newest[str, Pace] = Newest(_REMEMBERED)

    def of(self, key: str) -> Pace:
        """The pace of a bucket; a new one if the bucket was not edited lately."""
        pace = self._paces.get(key) or Pace()
        self._paces.put(key, pace)
        return pace
