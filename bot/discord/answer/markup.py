"""Discord's Markdown as far as a cut in its middle would tear it: what is open, what is one. Pure.

Sources: https://support.discord.com/hc/en-us/articles/210298617 for what there is, and the rules of
discord-markdown (the parser of Discord's own client, published as simple-markdown rules) for what
opens and closes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import regex

MARK = "```"
SPOILER = "||"
MOST_INLINE = 12  # units of all that can be open at once outside a code block, and to spare
_OPENING = regex.compile(r"```([\w+#.-]{0,20})\n")
_SIGN = regex.compile(r"\\.|`+|\|\|+|~~+|\*+|_+|\n[ \t]*\n|\n", regex.DOTALL)
_BLOCKS = regex.compile(r"(?:> |#{1,3} |-# )")
_QUOTE_ALL = ">>> "
_LONGEST_URL, _LONGEST_CODE = 500, 200
# What means something only in one piece: signs of one kind beside each other, links with their
# texts, addresses, mentions, custom emoji, times, commands, and short code in a line.
_ATOM = regex.compile(
    rf"```[\w+#.-]{{0,20}}\n?|\\.|\*+|_+|~~+|\|\|+|`[^`\n]{{1,{_LONGEST_CODE}}}`|`+"
    rf"|\[[^\[\]\n]{{1,200}}\]\(<?https?://[^\s()]{{1,{_LONGEST_URL}}}>?\)"
    rf"|https?://\S{{1,{_LONGEST_URL}}}"
    r"|<(?:@[!&]?\d|#\d|a?:\w{1,32}:\d|t:-?\d|id:\w|/[^>\n]{1,100}:\d)[^>\s]{0,40}>"
)
_CLOSED_AT_THE_END = (SPOILER,)
_IN_WORDS = ("**", "~~")  # these open in the middle of a word, too


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


@dataclass(frozen=True, slots=True)
class OpenMarkup:
    """What is open at a place in a text.

    `marks` are the open signs, outermost first; `line` is what the line begins with that the
    place lies in the middle of, such as a quote's sign. In a code block both are empty.
    """

    fence: Fence | None = None
    marks: tuple[str, ...] = ()
    line: str = ""

    @property
    def reopening(self) -> str:
        """What a further message begins with, so that the same is open in it."""
        if self.fence is not None:
            return self.fence.reopening
        return self.line + "".join(self.marks)

    def closing(self, *, at_the_end: bool) -> str:
        """What closes all signs; `at_the_end` of the whole text only spoilers: they must not show.

        What else is open there was no sign, perhaps, but a product or a name.
        """
        marks = [one for one in self.marks if not at_the_end or one in _CLOSED_AT_THE_END]
        return "".join(reversed(marks))


CLOSED = OpenMarkup()


def open_fence(text: str, end: int, fence: Fence | None) -> Fence | None:
    """The block that is open at `text[end]`, when `fence` is open at the start.

    Text after `end` is read only for the language of a block that was opened before `end`.
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


def open_markup(text: str, end: int, before: OpenMarkup = CLOSED) -> OpenMarkup:
    """What is open at `text[end]`, when `before` is open at the start."""
    fence = open_fence(text, end, before.fence)
    if fence is not None:
        return OpenMarkup(fence)
    outside = text.rfind(MARK, 0, end) + len(MARK) if MARK in text[:end] else 0
    marks = [] if outside else [one for one in before.marks if "`" not in one]
    code = "" if outside else next((one for one in before.marks if "`" in one), "")
    for found in _SIGN.finditer(text, outside, end):
        sign = found[0]
        if sign.startswith("\n"):  # emphasis ends with its paragraph, code with its line
            code = ""
            marks = [one for one in marks if len(sign) == 1 or one == SPOILER]
        elif sign.startswith("`"):
            code = "" if code == sign else code or sign
        elif not code and not sign.startswith("\\"):
            for mark in _marks(sign):
                _take(marks, mark, text, found.start(), found.end())
    if code and len(code) < len(MARK) and not _beside_code(text, end):
        marks.append(code)
    return OpenMarkup(None, tuple(marks), _line(text, end, before))


def atoms(text: str) -> Iterator[tuple[int, int]]:
    """Where those parts begin and end that must not be cut in the middle."""
    return (found.span() for found in _ATOM.finditer(text))


def _beside_code(text: str, place: int) -> bool:
    """Whether a further sign of code at this place would become one with what stands there."""
    return "`" in text[max(0, place - 1) : place + 1]


def _marks(sign: str) -> list[str]:
    """The signs that a run of one character stands for: `***` is bold and italic."""
    double = sign[0] * 2
    if sign[0] in "|~":
        return [double]
    return {1: [sign], 2: [double]}.get(len(sign), [double, sign[0]])


def _take(marks: list[str], mark: str, text: str, start: int, end: int) -> None:
    """Close the mark if it is open, else open it, where the text around allows that."""
    before = text[start - 1 : start]
    after = text[end : end + 1]
    if mark in marks:
        if before.strip() or len(mark) > 1:
            marks.remove(mark)
    elif after.strip() and (mark in _IN_WORDS or not before.isalnum()):
        marks.append(mark)


def _line(text: str, end: int, before: OpenMarkup) -> str:
    """What the line that `end` lies in begins with, as far as it holds for the whole line."""
    if before.line == _QUOTE_ALL or text.startswith(_QUOTE_ALL) or f"\n{_QUOTE_ALL}" in text[:end]:
        return _QUOTE_ALL
    start = text.rfind("\n", 0, end) + 1
    if start == 0 and before.line:
        return before.line
    found = _BLOCKS.match(text, start, end)
    return found[0] if found and found.end() < end else ""
