"""The table of an evaluation in a terminal."""

from rich.table import Table

from training.evaluate.metrics.catalogue import MEASURES, Measure
from training.evaluate.report.verdict import Outcome, outcome
from training.evaluate.result import Estimate, Evaluation

_STYLES = {Outcome.BETTER: "green", Outcome.WORSE: "red", Outcome.UNDECIDED: ""}
_MARKS = {Outcome.BETTER: " ✓", Outcome.WORSE: " ✗", Outcome.UNDECIDED: ""}


def table(evaluation: Evaluation) -> Table:
    """A table with a line for each measure: the variants, and their differences to the first one.

    Intervals are 95 %. ✓ and ✗ mark differences whose interval does not contain 0.
    """
    rows, first = evaluation.data.rows, evaluation.variants[0].name
    left_out = evaluation.data.left_out
    more = f" ({left_out} more left out: too long)" if left_out else ""
    drawn = Table(title=f"{rows} test rows of {evaluation.data.path}{more}", title_justify="left")
    drawn.add_column("")
    for variant in evaluation.variants:
        drawn.add_column(variant.name, justify="right")
    others = [found for found in evaluation.differences if found.first == first]
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
        cells += [_difference(measure, found.values.get(measure.key)) for found in others]
        drawn.add_row(measure.label, *cells)
    return drawn


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


def _difference(measure: Measure, found: Estimate | None) -> str:
    if found is None:
        return ""
    judged = outcome(measure, found)
    text = difference(measure, found) + _MARKS[judged]
    return f"[{style}]{text}[/]" if (style := _STYLES[judged]) else text
