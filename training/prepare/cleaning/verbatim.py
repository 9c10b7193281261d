"""Finding what must not be changed in a text, and hiding it: code, formulas and drawings."""

import re
import unicodedata
from collections import deque
from collections.abc import Iterator

from training.prepare.cleaning.code import Span, code_spans, lines_of

_OPENING = re.compile(r"\$\$?|\\[(\[]|\\begin\{(\w{1,20}\*?)\}")
_CLOSING = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_FORMULA = re.compile(r"[\^_=]|\\[a-zA-Z]")
_LONGEST = {"$": 300, "\\(": 300}  # characters of a formula in a line; displayed ones have more
_LONGEST_DISPLAYED = 2_000
_DRAWN = 3  # the fewest marks of a line in a drawing
_SURROGATES, _BASE = 0xD800, 0x400


def verbatim_spans(text: str, *, drawings: bool = True) -> list[Span]:
    """Where code, formulas and drawings made of marks stand, in order and apart."""
    spans = code_spans(text)
    if "$" in text or "\\" in text:
        spans = _added(spans, _formulas(text))
    if drawings and "\n" in text:
        spans = _added(spans, _drawings(text))
    return spans


def hide(text: str, spans: list[Span]) -> tuple[str, list[str]]:
    """The text with two lone surrogates in place of each span, and what stood there.

    The text must have no lone surrogates of its own.
    """
    if not spans:
        return text, []
    parts: list[str] = []
    end = 0
    for number, (start, stop) in enumerate(spans):
        parts += (text[end:start], _mark(number))
        end = stop
    return "".join([*parts, text[end:]]), [text[start:stop] for start, stop in spans]


def show(text: str, hidden: list[str]) -> str:
    """The text with what was hidden in it; of marks that were cut, nothing comes back."""
    return HIDDEN.sub(lambda mark: hidden[_number(mark[0])], text) if hidden else text


HIDDEN = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _mark(number: int) -> str:
    high, low = divmod(number, _BASE)
    return chr(_SURROGATES + high) + chr(_SURROGATES + _BASE + low)


def _number(mark: str) -> int:
    return (ord(mark[0]) - _SURROGATES) * _BASE + ord(mark[1]) - _SURROGATES - _BASE


def _added(spans: list[Span], more: Iterator[Span]) -> list[Span]:
    """Spans with those of `more` that touch none of them, and of which none touches another."""
    added: list[Span] = []
    older = deque(spans)
    for start, end in more:
        while older and older[0][1] <= start:
            added.append(older.popleft())
        if not (older and older[0][0] < end):
            added.append((start, end))
    return [*added, *older]


def _formulas(text: str) -> Iterator[Span]:
    """Formulas between dollars or LaTeX's brackets, and LaTeX's environments."""
    place = 0
    while opening := _OPENING.search(text, place):
        place = opening.end()
        closing = _CLOSING.get(opening[0], f"\\end{{{opening[1]}}}")
        longest = _LONGEST.get(opening[0], _LONGEST_DISPLAYED)
        end = text.find(closing, place, place + longest)
        if end >= 0 and (opening[1] or _is_formula(text, opening, end)):
            place = end + len(closing)
            yield opening.start(), place


def _is_formula(text: str, opening: re.Match[str], end: int) -> bool:
    """Whether this is a formula and not two prices, or the brackets of an escaped link."""
    inner = text[opening.end() : end]
    if not _FORMULA.search(inner):
        return False
    if opening[0] != "$":
        return True
    around = text[max(0, opening.start() - 1) : opening.start()] + text[end + 1 : end + 2]
    return inner == inner.strip() and "\n" not in inner and not any(map(str.isalnum, around))


def _drawings(text: str) -> Iterator[Span]:
    """Two or more neighbouring lines that consist mostly of marks."""
    first = last = None
    count = 0
    for start, line in lines_of(text):
        if _is_drawn(line):
            first, last, count = (start if first is None else first), start + len(line), count + 1
            continue
        if first is not None and last is not None and count > 1:
            yield first, last
        first, last, count = None, None, 0
    if first is not None and last is not None and count > 1:
        yield first, last


def _is_drawn(line: str) -> bool:
    if line.startswith((">", "[", "<@")) or "@" in line or "://" in line:
        return False
    shown = "".join(line.split())
    if shown.isalnum() or len(shown) < _DRAWN:
        return False
    marks = sum(unicodedata.category(one)[0] in "PS" for one in shown)
    return 2 * marks >= len(shown)
