"""The table of an evaluation in a terminal."""

from rich.table import Table

from training.evaluate.metrics.catalogue import MEASURES, Measure
from training.evaluate.report.verdict import Outcome, Outcomes, outcomes, to_first
from training.evaluate.result import DataUsed, Difference, Estimate, Evaluation

_STYLES = {Outcome.BETTER: "green", Outcome.WORSE: "red", Outcome.UNDECIDED: ""}
_MARKS = {Outcome.BETTER: " ✓", Outcome.WORSE: " ✗", Outcome.UNDECIDED: ""}


def table(evaluation: Evaluation) -> Table:
    """A table with a line for each measure: the variants, and their differences to the first one.

    Intervals are 95 %, each on its own. ✓ and ✗ mark what is shown for all measures together.
    """
    first, judged = evaluation.variants[0].name, outcomes(evaluation)
    drawn = Table(
        title=rows_used(evaluation.data),
        title_justify="left",
        caption=_claims(len(judged)) if judged else None,
        caption_justify="left",
    )
    drawn.add_column("")
    for variant in evaluation.variants:
        drawn.add_column(variant.name, justify="right")
    others = to_first(evaluation)
    for found in others:
        drawn.add_column(f"{found.second} − {first}", justify="right")
    group = None
    for measure in MEASURES:
        if measure.key not in evaluation.variants[0].values:
            continue
        if group not in (None, measure.group):
            drawn.add_section()
        group = measure.group
        cells = [estimate(measure, v.values[measure.key]) for v in evaluation.variants]
        cells += [_difference(measure, found, judged) for found in others]
        drawn.add_row(measure.label, *cells)
    return drawn


def rows_used(data: DataUsed) -> str:
    """How many test rows were measured, and how many were left out."""
    used = f"{data.rows} test rows of {data.path}"
    return f"{used}; {data.left_out} more left out as too long" if data.left_out else used


def estimate(measure: Measure, found: Estimate) -> str:
    """A value with its interval: `62 % (48–75)`."""
    value = measure.show(found.value)
    if found.low is None or found.high is None:
        return value
    return f"{value} ({bare(measure, found.low)}–{bare(measure, found.high)})"


def difference(measure: Measure, found: Estimate) -> str:
    """A difference with its interval: `+40 points (21 to 58)`."""
    value = measure.show_difference(found.value)
    if found.low is None or found.high is None:
        return value
    low, high = (_signed(measure, bound) for bound in (found.low, found.high))
    return f"{value} ({low} to {high})"


def bare(measure: Measure, value: float) -> str:
    """A value without its unit."""
    return measure.show(value).removesuffix(" %")


def _signed(measure: Measure, value: float) -> str:
    shown = bare(measure, abs(value))
    return f"−{shown}" if value < 0 and float(shown) else shown


def _difference(measure: Measure, found: Difference, judged: Outcomes) -> str:
    if measure.key not in found.values:
        return ""
    kind = judged.get((found.second, measure.key), Outcome.UNDECIDED)
    text = difference(measure, found.values[measure.key]) + _MARKS[kind]
    return f"[{style}]{text}[/]" if (style := _STYLES[kind]) else text


def _claims(judged: int) -> str:
    return (
        "In brackets 95 % intervals, each on its own. ✓ better and ✗ worse are judged over all "
        f"{judged} comparisons together: if nothing differed, one such table in twenty at most "
        "would have a mark. Without a mark these rows could not show a difference, which does not "
        "say that there is none."
    )
