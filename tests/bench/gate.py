"""`make bench-gate`: how often the gate errs in made-up communities, as a table and a picture."""

import io
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from PIL import Image

from data.statistics.gate.simulation import Community, SimulatedLooks, simulate
from tests.bench.table import markdown

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "gate.png"
RUNS = 2000
SHARES = (0.5, 0.6, 0.65, 0.7)
USUAL = Community()
COMMUNITIES = {
    "20 people, one of them casts 28 % of the votes": USUAL,
    "20 people who vote equally often": replace(USUAL, inequality=0.0),
    "20 people, one of them casts 45 %": replace(USUAL, inequality=1.5),
    "20 people who all like the same": replace(USUAL, taste=0.0),
    "20 people whose tastes differ twice as much": replace(USUAL, taste=1.0),
    "8 people": replace(USUAL, people=8),
    "50 people, 1,000 votes": replace(USUAL, people=50, votes=1000),
}
# How each rule is drawn: colour, dashes, its name, and how much its name is moved up to be free.
RULES = {
    "wilson": ("#b5482a", (1, 1), "Wilson bound", 0),
    "e_process": ("#6a737d", (4, 2), "e-value alone", 3),
    "gate": ("#1f5fae", (), "the gate", -3),
}


def main() -> None:
    """Print the table and draw the picture."""
    rows: list[list[str]] = []
    for name, community in COMMUNITIES.items():
        found = [simulate(share, community, runs=RUNS) for share in SHARES]
        rows.append([name, f"{found[0].wilson[-1]:.1%}", *(f"{one.gate[-1]:.1%}" for one in found)])
    header = ["community", "Wilson at 50 %", *(f"gate at {share:.0%}" for share in SHARES)]
    print(markdown(header, rows))
    draw(simulate(0.5, USUAL, runs=RUNS), simulate(0.65, USUAL, runs=RUNS), PICTURE)


def draw(alike: SimulatedLooks, better: SimulatedLooks, path: Path) -> None:
    """Draw how many adapters are promoted as votes come in, equal ones and better ones."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
    _panel(left, alike, "Promoted though no better", 0.3)
    left.axhline(0.03, color="#1f2328", linewidth=0.8, linestyle=(0, (6, 3)))
    left.annotate("3 %", (180, 0.03), (0, 3), textcoords="offset points", fontsize=9)
    _panel(right, better, "Promoted when liked by 65 %", 1.04)
    path.parent.mkdir(exist_ok=True)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(64).save(path, "PNG", optimize=True)


def _panel(axes: Axes, looks: SimulatedLooks, title: str, top: float) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    for rule, (colour, dashes, name, up) in RULES.items():
        shares = getattr(looks, rule)
        style = (0, dashes) if dashes else "solid"
        axes.plot(looks.votes, shares, color=colour, linestyle=style, linewidth=2.2)
        label = f"{name}: {shares[-1]:.1%}"
        axes.annotate(
            label,
            (looks.votes[-1], shares[-1]),
            (8, up),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=9.5,
        )
    axes.set_xlim(0, looks.votes[-1])
    axes.set_ylim(0, top)
    axes.set_xticks(range(0, int(looks.votes[-1]) + 1, 100))
    axes.set_xlabel("decisive votes cast, a look every 10")
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.grid(axis="y", color="#e3e6ea", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
