"""Finding code in a text: what CommonMark takes for it, and what Discord does.

That are fenced blocks, indented blocks and spans in backticks.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator

Span = tuple[int, int]

_SIGNS = ("`", "~~~", "    ", "\t")  # no code without one of them
_FENCE = re.compile(r" {0,3}(?:(`{3,})[^`]*|(~{3,}) *\w*[ \t]*)$")
_TILDES = re.compile(r"(~{3,})[ \t]*$", re.MULTILINE)
_INDENTED = re.compile(r"(?: {4}| {0,3}\t)\s*\S")
_LIST_ITEM = re.compile(r" *(?:[-*+•]|\d{1,9}[.)]) ")
_TICKS = re.compile("`+")
_BLOCK_TICKS = 3  # so many or more may hold blank lines, as on Discord


def code_spans(text: str) -> list[Span]:
    """Where code stands: fenced and indented blocks as whole lines, and what is in backticks.

    A block whose backticks are not closed reaches to the end of the text. The spans are in order
    and apart.
    """
    if not any(sign in text for sign in _SIGNS):
        return []
    fenced = list(_fenced(text))
    blocks = _with(fenced, text, _indented)
    return _with(blocks, text, _ticked)


def lines_of(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, str]]:
    """Each line of a part of the text with its place in the text, without its end."""
    for line in text[start:end].split("\n"):
        yield start, line
        start += len(line) + 1


def _with(
    spans: list[Span], text: str, find: Callable[[str, int, int], Iterator[Span]]
) -> list[Span]:
    """The spans, and those that `find` sees between them."""
    starts = [0, *(end for _, end in spans)]
    ends = [*(start for start, _ in spans), len(text)]
    gaps = zip(starts, ends, strict=True)
    return sorted([*spans, *(found for gap in gaps for found in find(text, *gap))])


def _fenced(text: str) -> Iterator[Span]:
    if "```" not in text and "~~~" not in text:
        return
    tildes = [(found.start(), len(found[1])) for found in _TILDES.finditer(text)]
    fence, begun = "", 0
    for start, line in lines_of(text):
        if fence:
            if line.rstrip().endswith(fence):
                yield begun, start + len(line)
                fence = ""
        elif found := _FENCE.match(line):
            fence, begun = found[1] or found[2], start
            if found[2] and not _is_closed(len(fence), start + len(line), tildes):
                fence = ""
    if fence:
        yield begun, len(text)


def _is_closed(length: int, place: int, tildes: list[Span]) -> bool:
    """Whether a fence of so many tildes ends behind this place: else it is a line of waves."""
    return next((at for at, run in reversed(tildes) if run >= length), -1) > place


def _indented(text: str, start: int, end: int) -> Iterator[Span]:
    """Blocks of indented lines behind a blank line; in a list these are paragraphs of its items."""
    block: Span | None = None
    may_begin, in_list = True, False
    for place, line in lines_of(text, start, end):
        if (block or may_begin) and not in_list and _INDENTED.match(line):
            block = (block[0] if block else place, place + len(line))
        elif not line.strip():
            may_begin = True
        else:
            if block:
                yield block
            is_item = _LIST_ITEM.match(line) is not None
            in_list = is_item or (in_list and line.startswith((" ", "\t")))
            block, may_begin = None, False
    if block:
        yield block


def _ticked(text: str, start: int, end: int) -> Iterator[Span]:
    """Spans between runs of as many backticks; a run without a partner is text."""
    runs = [match.span() for match in _TICKS.finditer(text, start, end)]
    places: defaultdict[int, deque[Span]] = defaultdict(deque)
    for run in runs:
        places[run[1] - run[0]].append(run)
    done = start
    for opening, after in runs:
        if opening < done or text[opening - 1 : opening] == "\\":
            continue
        length = after - opening
        partners = places[length]
        while partners and partners[0][0] < after:
            partners.popleft()
        if partners:
            closing, stop = partners[0]
            if length >= _BLOCK_TICKS or "\n\n" not in text[after:closing]:
                yield opening, stop
                done = stop
