"""`python -m training prepare`: clean, deduplicate and divide pairs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

SUMMARY = "clean, deduplicate and divide pairs"


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("source", type=Path, metavar="SOURCE.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument("--seed", type=int, default=0)


def run(options: Namespace, _home: Path) -> None:
    """Prepare and print the counts."""
    prepare_pairs(options.source, options.out, options.seed)


def prepare_pairs(source: Path, out: Path, seed: int) -> None:
    """Prepare and print the counts."""
    from training.cli.terminal import show
    from training.prepare import Options, prepare

    card = prepare(source, out, Options(seed=seed))
    show(f"{card.source.rows} pairs in {card.source.path}")
    for step in card.dropped:
        show(f"  {step.rows:>6} dropped: {step.step}, {step.why}")
    for side, record in card.sides.items():
        show(f"  {record.rows:>6} in {out / side}.jsonl")
