"""`python -m training train`: train an adapter on prepared pairs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

SUMMARY = "train an adapter on prepared pairs"


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--config", type=Path, required=True, help="the recipe, a TOML file")
    parser.add_argument("--data", type=Path, required=True, help="a prepared folder")
    parser.add_argument("--out", type=Path, required=True, help="the adapter's folder to make")


def run(options: Namespace, home: Path) -> None:
    """Train, telling on standard error how it goes."""
    train_adapter(options.config, options.data, options.out, home)


def train_adapter(recipe: Path, data: Path, out: Path, home: Path) -> None:
    """Train, telling on standard error how it goes."""
    from training.cli.terminal import find_base, say
    from training.recipe import read_recipe
    from training.train import Job, train

    train(Job(find_base(read_recipe(recipe).base, home), data, recipe, out), say)
