"""`python -m training evaluate`: the loss of base and adapter on a side."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.split import Side

SUMMARY = "loss of base and adapter on a side"
SHIPPED = Path("data/adapters/demo")


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--adapter", type=Path, default=SHIPPED, help=f"its folder ({SHIPPED})")
    parser.add_argument("--base", default="demo", help="demo, a folder or a hub id (demo)")
    parser.add_argument("--data", type=Path, required=True, help="a prepared folder")
    parser.add_argument("--side", type=Side, choices=list(Side), default=Side.VALIDATION)


def run(options: Namespace, home: Path) -> None:
    """Print the losses of base and adapter."""
    from training.cli.terminal import find_base, show
    from training.evaluate import evaluate

    base = find_base(options.base, home)
    show(*evaluate(base, options.adapter, options.data, options.side).lines())
