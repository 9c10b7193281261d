"""What training measured: a file with one JSON object a step or validation, and its picture."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURES = "figures.jsonl"
CURVE = "loss.png"
BEFORE, AFTER = "base_validation_loss", "validation_loss"  # in a manifest
_WINDOW = 20  # steps that the thick line is a mean of, at most
_INK, _PALE, _MARK = "#1f4e79", "#b9cbe0", "#c2410c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured after one step; None, and not written, where nothing was.

    `step` counts from 1; 0 stands for the time before the first step. Losses are in nats per reply
    token, `memory_mib` is the peak so far, and `tokens_per_second` counts prompts and replies but
    no padding. At step 0 stand the `rows` learned from, how many of them were shortened, and how
    many others were left out, both because they are longer than `max_tokens`.
    """

    step: int
    epoch: float
    loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_second: float | None = None
    memory_mib: float | None = None
    validation_loss: float | None = None
    rows: float | None = None
    rows_shortened: float | None = None
    rows_left_out: float | None = None

    def line(self) -> str:
        """One line of JSON, numbers with six significant digits."""
        told: dict[str, Any] = {
            key: value for key, value in asdict(self).items() if value is not None
        }
        return json.dumps({key: _short(value) for key, value in told.items()})


class FigureLog:
    """The file at `path` that holds the figures of one training."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, step: int) -> None:
        """Remove the figures after a step: a resumed training measures them again."""
        kept = [figure for figure in self.read() if figure.step <= step]
        self.path.write_text("".join(f"{figure.line()}\n" for figure in kept), encoding="utf-8")

    def add(self, figures: Iterable[Figure]) -> None:
        """Append figures."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{figure.line()}\n" for figure in figures)

    def read(self) -> list[Figure]:
        """All figures so far, up to the first line that a crash left incomplete."""
        if not self.path.is_file():
            return []
        figures: list[Figure] = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                figures.append(Figure(**json.loads(line)))
            except (ValueError, TypeError):
                break
        return figures


def is_better(figures: Mapping[str, float]) -> bool | None:
    """Whether an adapter is better on the validation side than the base, by a manifest's figures.

    None where they do not say. A loss that is no number is not better.
    """
    before, after = figures.get(BEFORE), figures.get(AFTER)
    return None if before is None or after is None else after < before


def draw_curve(figures: Sequence[Figure], best_step: int | None, title: str) -> bytes:
    """The losses over the steps as a PNG, with the step whose adapter is kept marked.

    `best_step` is None where none is kept. Training losses are drawn for each step and as a running
    mean. The same arguments give the same bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Picture

    learned = [(f.step, f.loss) for f in figures if f.loss is not None]
    validated = [(f.step, f.validation_loss) for f in figures if f.validation_loss is not None]
    picture = Picture(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(picture)
    axes = picture.add_subplot()
    if learned:
        steps, losses = zip(*learned, strict=True)
        means = running_mean(losses)
        if means != list(losses):
            axes.plot(steps, losses, color=_PALE, linewidth=1, label="training, each step")
        axes.plot(steps, means, color=_INK, linewidth=2, label="training")
    if validated:
        steps, losses = zip(*validated, strict=True)
        axes.plot(steps, losses, "o-", color=_MARK, markersize=4, label="validation")
    kept = None if best_step is None else dict(validated).get(best_step)
    if best_step is not None and kept is not None:
        axes.axvline(best_step, color=_MARK, linewidth=1, linestyle=":")
        axes.plot([best_step], [kept], "*", color=_MARK, markersize=14,
                  label=f"kept: step {best_step}, {kept:.3f}")  # fmt: skip
    _label(axes, title)
    buffer = BytesIO()
    # Without matplotlib's version in it, the same figures give the same bytes.
    picture.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _label(axes: "Axes", title: str) -> None:
    axes.set_xlabel("step")
    axes.set_ylabel("loss per reply token (nats)")
    axes.set_title(title)
    axes.grid(visible=True, color="#e5e7eb")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False)


def running_mean(values: Sequence[float]) -> list[float]:
    """The mean of each value and those before it, over a window of a twentieth of all values.

    The window is between 1 and 20 values long.
    """
    window = max(1, min(_WINDOW, len(values) // 20))
    return [
        sum(part) / len(part)
        for part in (values[max(0, end - window) : end] for end in range(1, len(values) + 1))
    ]


def _short(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")
