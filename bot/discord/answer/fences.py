"""Which code block a text leaves open. Pure."""

import re
from dataclasses import dataclass

MARK = "```"
_OPENING = re.compile(r"```([\w+#.-]{0,20})\n")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code block: its language, and where in the text it was opened."""

    language: str
    opened_at: int

    @property
    def reopening(self) -> str:
        """What opens the same block again."""
        return f"{MARK}{self.language}\n"

    @property
    def code_at(self) -> int:
        """Where its code begins, in the text that it was opened in."""
        return self.opened_at + len(self.reopening)


def open_fence(text: str, end: int, fence: Fence | None) -> Fence | None:
    """The block that is open at `text[end]`, when `fence` is open at the start.

    What stands after `end` only tells the language of a block opened before.
    """
    at = text.find(MARK, 0, end)
    while at >= 0:
        if fence is None:
            named = _OPENING.match(text, at)
            fence = Fence(named[1] if named else "", at)
        else:
            fence = None
        at = text.find(MARK, at + len(MARK), end)
    return fence
