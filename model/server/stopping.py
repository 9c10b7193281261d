"""Stop strings over streamed text."""

from collections.abc import Sequence


class StopScanner:
    """Hands text on up to the first stop string, whatever pieces it comes in.

    The first is the one that is complete first; of several complete at the same character, the
    longest. What could still become a stop string is held back until it did or did not.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether a stop string came; nothing after it is handed on."""
        return self._stopped

    def push(self, text: str) -> str:
        """Take more text and return what is safe to show."""
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
        """What is held back, at the end of the text: it became no stop string."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop` and not all of it."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
