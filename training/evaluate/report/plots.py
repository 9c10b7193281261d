"""The plots of the page: SVG that takes its colours from the page's style, light or dark."""

from collections.abc import Iterable, Sequence
from html import escape

from training.evaluate.metrics.catalogue import BY_KEY, MEASURES, Measure, Unit
from training.evaluate.report.table import difference, estimate
from training.evaluate.report.verdict import MeasureVerdict, Outcome, VariantVerdict
from training.evaluate.result import Estimate, Evaluation

_WIDTH = 760
_LABELS = 190  # the plot begins this far from the left
_END = 470
_ROW = 26
_TOP = 34
_CLASSES = {Outcome.BETTER: "better", Outcome.WORSE: "worse", Outcome.UNDECIDED: "undecided"}


def forest(verdict: VariantVerdict) -> str:
    """An SVG of the difference of each measure with its interval; right of the line is better.

    Each measure has its own scale, so that its interval fills at most half the width.
    """
    middle, half = (_LABELS + _END) / 2, (_END - _LABELS) / 2 - 8
    height = _TOP + _ROW * len(verdict.lines) + 8
    parts = [
        _text(middle - 8, 18, f"← {verdict.first} better", "end axis"),
        _text(middle + 8, 18, f"{verdict.second} better →", "axis"),
        _line(middle, 26, middle, height, "zero"),
    ]
    for place, line in enumerate(verdict.lines):
        y = _TOP + _ROW * place + _ROW / 2
        low, at, high = (middle + half * bound for bound in _oriented(line))
        mark = _CLASSES[line.outcome]
        parts += [
            _text(_LABELS - 12, y + 4, line.measure.label, "end"),
            _line(low, y, high, y, f"whisker {mark}"),
            f'<circle class="dot {mark}" cx="{at:.1f}" cy="{y:.1f}" r="5"/>',
            _text(_END + 12, y + 4, difference(line.measure, line.difference), f"value {mark}"),
        ]
    about = f"Differences between {verdict.second} and {verdict.first}; right is better"
    return _svg(height, parts, about)


def shares(evaluation: Evaluation) -> str:
    """An SVG of all measures that are shares, for every variant and for the test replies."""
    keys = [m.key for m in MEASURES if m.unit is Unit.SHARE and m.key in _values(evaluation)[0][1]]
    named = _values(evaluation)
    step = 15
    block = step * len(named) + 12
    height = _TOP + block * len(keys) + 8
    scale = _END - _LABELS
    parts: list[str] = []
    for percent in (0, 25, 50, 75, 100):
        x = _LABELS + scale * percent / 100
        parts += [_text(x, 18, f"{percent} %", "middle axis"), _line(x, 26, x, height, "grid")]
    for place, key in enumerate(keys):
        top = _TOP + block * place
        parts.append(_text(_LABELS - 12, top + block / 2, BY_KEY[key].label, "end"))
        for row, (name, values) in enumerate(named):
            if key not in values:
                continue
            y = top + step * row + 10
            parts += _dot(BY_KEY[key], values[key], y, f"v{row}" if row < len(named) - 1 else "vr")
            parts.append(
                _text(_END + 12, y + 4, f"{name}: {estimate(BY_KEY[key], values[key])}", "value")
            )
    return _svg(height, parts, "Shares of answers, with 95 % intervals")


def _values(evaluation: Evaluation) -> list[tuple[str, dict[str, Estimate]]]:
    return [
        *((variant.name, variant.values) for variant in evaluation.variants),
        ("test replies", evaluation.replies),
    ]


def _dot(measure: Measure, found: Estimate, y: float, mark: str) -> Iterable[str]:
    scale = _END - _LABELS
    x = _LABELS + scale * found.value
    if found.low is not None and found.high is not None:
        low, high = _LABELS + scale * found.low, _LABELS + scale * found.high
        yield _line(low, y, high, y, f"whisker {mark}")
    yield f'<circle class="dot {mark}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'


def _oriented(line: MeasureVerdict) -> tuple[float, float, float]:
    """The lower end, the value and the upper end, scaled to -1 to 1; positive is better.

    Without interval both ends are the value.
    """
    found = line.difference
    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    largest = max(abs(low), abs(high), abs(found.value)) or 1.0
    sign = 1 if line.measure.better == "higher" else -1
    ends = sorted((sign * low / largest, sign * high / largest))
    return ends[0], sign * found.value / largest, ends[1]


def _svg(height: float, parts: Sequence[str], about: str) -> str:
    inner = "".join(parts)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(about)}">'
        f"{inner}</svg>"
    )


def _text(x: float, y: float, text: str, mark: str) -> str:
    return f'<text class="{mark}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, mark: str) -> str:
    return f'<line class="{mark}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
