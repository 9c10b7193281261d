"""The loss over the steps as a picture."""

from collections.abc import Sequence
from io import BytesIO

from training.artifacts.figures import Figure

CURVE = "loss.png"
_WINDOW = 20  # steps that the thick line is a mean of, at most
_INK, _PALE, _MARK = "#1f4e79", "#b9cbe0", "#c2410c"


def draw_curve(figures: Sequence[Figure], best_step: int, title: str) -> bytes:
    """A PNG: training loss (each step and a running mean), validation loss, the kept step."""
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
    kept = dict(validated).get(best_step)
    if kept is not None:
        axes.axvline(best_step, color=_MARK, linewidth=1, linestyle=":")
        axes.plot([best_step], [kept], "*", color=_MARK, markersize=14,
                  label=f"kept: step {best_step}, {kept:.3f}")  # fmt: skip
    axes.set_xlabel("step")
    axes.set_ylabel("loss per reply token (nats)")
    axes.set_title(title)
    axes.grid(visible=True, color="#e5e7eb")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False)
    buffer = BytesIO()
    # Without matplotlib's version in it, the same figures give the same bytes.
    picture.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def running_mean(values: Sequence[float]) -> list[float]:
    """The mean of each value and those before it, at most a twentieth of all of them. Pure."""
    window = max(1, min(_WINDOW, len(values) // 20))
    return [
        sum(part) / len(part)
        for part in (values[max(0, end - window) : end] for end in range(1, len(values) + 1))
    ]
