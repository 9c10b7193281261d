"""Training's figures, one JSON object a line: for every step, and for every validation."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FIGURES = "figures.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One moment of training; what was not looked at is None and not written.

    `step` counts from 1, 0 being before the first; losses are per reply token; tokens per second
    count prompts and replies, not padding; memory is the most held so far.
    """

    step: int
    epoch: float
    loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_second: float | None = None
    memory_mib: float | None = None
    validation_loss: float | None = None

    def line(self) -> str:
        """As JSON, with six digits."""
        told: dict[str, Any] = {
            key: value for key, value in asdict(self).items() if value is not None
        }
        return json.dumps({key: _short(value) for key, value in told.items()})


class FigureLog:
    """The file of figures in a work folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, step: int) -> None:
        """Forget what came after a step: a resumed training tells it again."""
        kept = [figure for figure in self.read() if figure.step <= step]
        self.path.write_text("".join(f"{figure.line()}\n" for figure in kept), encoding="utf-8")

    def add(self, figures: Iterable[Figure]) -> None:
        """Append figures; they are on the disk's way when this returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{figure.line()}\n" for figure in figures)

    def read(self) -> list[Figure]:
        """All figures so far; a line that a crash cut off ends them."""
        if not self.path.is_file():
            return []
        figures: list[Figure] = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                figures.append(Figure(**json.loads(line)))
            except (ValueError, TypeError):
                break
        return figures


def _short(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")
