"""Tables and code in Markdown, for the cards that people read."""

from collections.abc import Iterable, Iterator


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines of a table, and an empty one behind it."""
    names = tuple(head)
    yield _row(names)
    yield "|".join(["", *("---" for _ in names), ""])
    yield from map(_row, rows)
    yield ""


def code(text: str) -> str:
    """A text as code; empty if there is none."""
    return f"`` {text.replace('``', '` `')} ``" if text else ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"
