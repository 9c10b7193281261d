"""The ratings' figures as lines of plain text. Pure."""

from collections.abc import Sequence

from bot.ratings.statistics import Figures, verdict_line

HEADINGS = ("variant", "answers", "👍", "👎", "liked", "😂 per answer", "🤖 per answer", "median")
NOTHING = "Nothing has been answered yet."


def cells(one: Figures) -> tuple[str, ...]:
    """One variant's row under HEADINGS."""
    return (
        one.variant,
        str(one.answers),
        str(one.good),
        str(one.bad),
        _liked(one),
        _rate(one.funny_rate),
        _rate(one.robotic_rate),
        "–" if one.median_total_ms is None else f"{one.median_total_ms / 1000:.1f} s",
    )


def stats_lines(all_figures: Sequence[Figures]) -> list[str]:
    """One line a variant and what they come to."""
    if not all_figures:
        return [NOTHING]
    rows = [
        f"{name}: "
        + ", ".join(f"{head} {cell}" for head, cell in zip(HEADINGS[1:], rest, strict=True))
        for name, *rest in map(cells, all_figures)
    ]
    return [*rows, verdict_line(all_figures)]


def _liked(one: Figures) -> str:
    if one.good_share is None or one.interval is None:
        return "–"
    return f"{one.good_share:.0%} ({one.interval.low:.0%}–{one.interval.high:.0%})"


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.2f}"
