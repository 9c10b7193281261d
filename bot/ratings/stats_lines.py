"""The figures of the ratings in words: table cells, lines of text and what they come to. Pure."""

from collections.abc import Iterable, Sequence

from bot.ratings.statistics import MINIMUM_VOTES, Figures, ShareDifference, compare

HEADINGS = ("variant", "answers", "👍", "👎", "liked", "😂 per answer", "🤖 per answer", "median")
NOTHING = "Nothing has been answered yet."


def cells(one: Figures) -> tuple[str, ...]:
    """One variant's row of a table: a cell for each of HEADINGS."""
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
    """A line for each variant, then `verdict_line`; NOTHING where no variant has answered."""
    if not all_figures:
        return [NOTHING]
    rows = [
        f"{name}: "
        + ", ".join(f"{head} {cell}" for head, cell in zip(HEADINGS[1:], rest, strict=True))
        for name, *rest in map(cells, all_figures)
    ]
    return [*rows, verdict_line(all_figures)]


def verdict_line(all_figures: Iterable[Figures]) -> str:
    """A sentence for people: which variant is liked best, or why nobody can tell."""
    ranked = sorted(all_figures, key=lambda one: (one.good_share or 0.0, one.votes), reverse=True)
    enough = [one for one in ranked if one.votes >= MINIMUM_VOTES]
    if len(enough) < 2:
        return f"Not enough votes yet: two models need {MINIMUM_VOTES} 👍 or 👎 each."
    best, second = enough[0], enough[1]
    if compare(best, second) is ShareDifference.FIRST:
        return f"{best.variant} is liked better than {second.variant}."
    return f"{best.variant} and {second.variant}: no difference that the votes could show."


def _liked(one: Figures) -> str:
    if one.good_share is None or one.interval is None:
        return "–"
    return f"{one.good_share:.0%} ({one.interval.low:.0%}–{one.interval.high:.0%})"


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.2f}"
