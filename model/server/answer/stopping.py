"""Finds stop strings in streamed text."""

from collections.abc import Sequence


class StopScanner:
    """Passes text on up to the first stop string, however the text is cut into pieces.

    The first stop string is the one whose last character comes first; of several that end at the
    same character, the longest. Text that may still become a stop string is held back until that
    is decided.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether a stop string was found; no text after it is passed on."""
        return self._stopped

    def push(self, text: str) -> str:
        """Add text, and return the text that is no part of a stop string."""
        if self._stopped:
            return ""
        text, self._held = self._held + text, ""
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self._stopped = True
            return text[: min(found)[1]]
        kept = max((_overlap(text, stop) for stop in self._stops), default=0)
        safe = len(text) - kept
        self._held = text[safe:]
        return text[:safe]

    def flush(self) -> str:
        """The text still held back, at the end of the answer: it became no stop string."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that is a beginning of `stop`, but not all of it."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
