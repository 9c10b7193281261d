"""What the subcommands do, once their arguments are read."""

import sys
from pathlib import Path

from data.datasets import PAIRS, PROMPTS
from model.base import ResolvedBase, resolve_base
from training.answers import Decoding
from training.compare import Comparison, compare, page
from training.evaluate import evaluate
from training.folders import copy_folder
from training.prepare import Options, prepare
from training.recipe import read_recipe
from training.split import Side
from training.train import Job, train

RECIPE = Path("training/demo.toml")
SHIPPED = Path("data/adapters/demo")
PAGE = Path("docs/demo-adapter.md")
# Greedy shows what the model thinks likeliest; the other is how a chat would sample. The penalty
# also falls on the prompt's words: higher, and answers avoid naming what they were asked about.
WAYS = (
    Decoding(repetition_penalty=1.05),
    Decoding(temperature=0.5, top_p=0.9, repetition_penalty=1.05),
)


def run_prepare(source: Path, out: Path, seed: int) -> None:
    """Prepare and print the counts."""
    card = prepare(source, out, Options(seed=seed))
    _print(f"{card.source.rows} pairs in {card.source.path}")
    for step in card.dropped:
        _print(f"  {step.rows:>6} dropped: {step.step}, {step.why}")
    for side, record in card.sides.items():
        _print(f"  {record.rows:>6} in {out / side}.jsonl")


def run_train(recipe: Path, data: Path, out: Path, home: Path) -> None:
    """Train, telling on standard error how it goes."""
    train(Job(find_base(read_recipe(recipe).base, home), data, recipe, out), say)


def run_evaluate(base: ResolvedBase, adapter: Path, data: Path, side: Side) -> None:
    """Print the losses of base and adapter."""
    _print(*evaluate(base, adapter, data, side).lines())


def run_compare(base: ResolvedBase, adapter: Path, prompts: Path, out: Path | None) -> None:
    """Print both answers to every prompt, and write them as a page."""
    say("asking base and tuned the fixed prompts")
    comparisons = compare(base, adapter, prompts, WAYS)
    for comparison in comparisons:
        _print_comparison(comparison)
    if out is not None:
        out.write_text(page(comparisons, adapter), encoding="utf-8")
        _print(f"wrote {out}")


def run_demo(home: Path) -> None:
    """Make the demo adapter again, from the sample pairs to its page."""
    data, adapter = home / "training" / "demo-data", home / "training" / "demo"
    run_prepare(PAIRS, data, seed=0)
    run_train(RECIPE, data, adapter, home)
    base = find_base("demo", home)
    for side in (Side.VALIDATION, Side.TEST):
        run_evaluate(base, adapter, data, side)
    copy_folder(adapter, SHIPPED)
    run_compare(base, SHIPPED, PROMPTS, PAGE)


def find_base(name: str, home: Path) -> ResolvedBase:
    """The base model, fetched first where it is missing."""
    return resolve_base(name, home, lambda stage, _: say(stage))


def say(line: str) -> None:
    """One line of progress, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _print_comparison(comparison: Comparison) -> None:
    _print("", str(comparison.decoding))
    for each in comparison.answered:
        _print("", each.prompt, f"  base   {each.base}", f"  tuned  {each.tuned}")
    for name, counts in (("base", comparison.base), ("tuned", comparison.tuned)):
        _print(
            f"\n{name}: {counts.positions} of {counts.answers} take a position, "
            f"{counts.without_disclaimer} without disclaimer, {counts.words:.0f} words on average"
        )
