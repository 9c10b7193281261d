"""The card as a page for people."""

from collections.abc import Iterator
from pathlib import Path

from training.prepare.card import Card

PAGE = "CARD.md"


def write_page(folder: Path, card: Card) -> None:
    """Write the page into a prepared folder."""
    (folder / PAGE).write_text("\n".join(page(card)) + "\n", encoding="utf-8")


def page(card: Card) -> Iterator[str]:
    """The page's lines, in Markdown."""
    kept = sum(side.rows for side in card.sides.values())
    yield from ("# Prepared pairs", "", f"{kept:,} of {card.rows:,} rows were kept.", "")
    yield from _table(
        ("source", "format", "rows", "sha256"),
        ((s.path, s.format, f"{s.rows:,}", s.sha256[:16]) for s in card.sources),
    )
    yield from (f"Licence: {card.licence or 'not stated'}.", "")
    yield from (f"Consent: {card.consent or 'not stated'}.", "", "## Sides", "")
    yield from _table(
        ("side", "rows", "groups", "sha256"),
        ((n, f"{s.rows:,}", f"{s.groups:,}", s.sha256[:16]) for n, s in card.sides.items()),
    )
    yield "Rows of one group (a thread, an author, or near texts) share a side; no text is on two."
    yield from ("", "## Dropped", "")
    yield from _table(
        ("step", "rows", "why"), ((d.step, f"{d.rows:,}", d.why) for d in card.dropped)
    )
    for step in card.dropped:
        if step.examples:
            yield from (f"### {step.step}", "")
            yield from (f"- {_code(example)}" for example in step.examples)
            yield ""
    yield from ("## Options", "")
    shown = {"seed": card.seed, "similarity": card.similarity, "near search": card.near_search}
    yield from _table(
        ("option", "value"),
        ((name, str(value)) for name, value in (shown | card.options).items()),
    )


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield _row(head)
    yield "|".join(["", *("---" for _ in head), ""])
    yield from map(_row, rows)
    yield ""


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _code(text: str) -> str:
    return f"`` {text.replace('``', '` `')} ``"
