"""Draws what `make bench-gpu ARGS="… --out FIGURES.json"` has measured.

`python -m tests.bench.gpu_plot FIGURES.json PICTURE.png`
"""

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

MARKS = {"mixed, sampled": "o-", "mixed, greedy": "s--", "base, greedy": "^:"}
GOALS = {1: 0.40, 4: 0.40, 16: 0.30, 64: 0.16}


def draw(figures: dict[str, Any]) -> Figure:
    """Tokens a second, and the share of the card's limit, over the rows at once."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    speed: Axes
    share: Axes
    speed, share = figure.subplots(1, 2)
    rows: list[dict[str, Any]] = figures["rows"]
    for name, mark in MARKS.items():
        found = [row for row in rows if row["rows"] == name]
        counts = [row["at once"] for row in found]
        speed.plot(counts, [row["tokens/s"] for row in found], mark, label=name)
        share.plot(counts, [row["share"] for row in found], mark, label=name)
    counts = sorted({row["at once"] for row in rows})
    limits = {row["at once"]: row["limit"] for row in rows}
    speed.plot(counts, [limits[count] for count in counts], "k-", lw=1, label="limit")
    share.plot(list(GOALS), list(GOALS.values()), "k_", ms=14, label="goal, mixed and sampled")
    for axes, title in ((speed, "tokens a second"), (share, "share of the limit")):
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.set_xlabel("rows at once")
        axes.set_title(title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    speed.set_yscale("log")
    share.set_ylim(0, 1)
    share.yaxis.set_major_formatter(PercentFormatter(1))
    figure.suptitle(f"{figures['card']}, copy {figures['bandwidth'] / 1e12:.2f} TB/s", fontsize=10)
    return figure


def main() -> None:
    """Read the figures and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    draw(json.loads(options.figures.read_text(encoding="utf-8"))).savefig(options.picture, dpi=120)


if __name__ == "__main__":
    main()
