"""The card beside an adapter, for people: what it was made from, of which rows, how good it is."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from model.loading.manifest import AdapterManifest
from training.artifacts.figures import AFTER, BEFORE
from training.artifacts.markdown import table

CARD = "CARD.md"


def write_adapter_card(folder: Path, manifest: AdapterManifest) -> None:
    """Write CARD.md into an adapter's folder. Raises OSError."""
    (folder / CARD).write_text("\n".join(_lines(manifest)) + "\n", encoding="utf-8")


def _lines(manifest: AdapterManifest) -> Iterator[str]:
    base, data, figures = manifest.base, manifest.data, manifest.figures
    revision = f", revision {base.revision}" if base.revision else ""
    told = {
        "base": f"{base.id}{revision} (`{base.hash}`)",
        "adapter": f"`{manifest.adapter_hash}`",
        "data": f"{data.path} (`{data.sha256[:16]}`)",
        "licence": data.licence,
        "consent": data.consent or "not stated",
        "Discord's permission": data.discord_permission or "",
    }
    yield from (f"# {manifest.name}", "", "A LoRA adapter, made by `python -m training train`.", "")
    yield from table(("", ""), ((name, text) for name, text in told.items() if text))
    yield from (f"## Rows, of at most {manifest.config['schedule']['max_tokens']} tokens each", "")
    yield from table(
        ("side", "used", "shortened before", "left out: too long"),
        ((side, *_counts(figures, side)) for side in ("train", "validation")),
    )
    yield from ("## Validation loss, in nats per reply token", "")
    best = f"{round(figures['best_step']):,}"
    losses = (f"{figures[BEFORE]:.4f}", f"{figures[AFTER]:.4f}", best)
    yield from table(("base", "adapter", "of step"), (losses,))
    yield "`manifest.json` has all of it for programs, `loss.png` the curve."


def _counts(figures: Mapping[str, float], side: str) -> Iterator[str]:
    """The rows of a side: those used, of these the shortened, and those left out."""
    for end in ("", "_shortened", "_left_out"):
        yield f"{round(figures[f'{side}_rows{end}']):,}"
