"""`python -m training train`: train an adapter on prepared pairs."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.cli.command import TrainingCommand

if TYPE_CHECKING:
    from model.loading.base import ResolvedBase


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--config", type=Path, required=True, help="the recipe, a TOML file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="in place of the recipe's own value, as in schedule.epochs=2; may stand repeatedly",
    )
    parser.add_argument("--data", type=Path, help="a prepared folder (var/training/data)")
    parser.add_argument("--out", type=Path, help="the adapter's folder to make (…/NAME)")
    parser.add_argument("--work", type=Path, help="where an unfinished training lies (OUT.work)")
    parser.add_argument(
        "--fresh", action="store_true", help="throw an unfinished training away, do not go on"
    )


def run(options: Namespace, home: Path) -> None:
    """Train, telling on standard error how it goes."""
    train_adapter(
        options.config,
        options.data or home / "training" / "data",
        options.out,
        home,
        overrides=options.set,
        work=options.work,
        fresh=options.fresh,
    )


def train_adapter(
    config: Path,
    data: Path,
    out: Path | None,
    home: Path,
    *,
    overrides: Sequence[str] = (),
    work: Path | None = None,
    fresh: bool = False,
) -> None:
    """Train, telling on standard error how it goes: a live bar on a terminal, lines elsewhere."""
    from rich.console import Console

    from training.artifacts.progress import live_bar
    from training.cli.terminal import say
    from training.recipe import read_recipe
    from training.train.job import Job
    from training.train.train import train

    recipe = read_recipe(config, overrides)
    out = out or home / "training" / recipe.name
    job = Job(_find_base(recipe.base, home), data, recipe, out, config, work, fresh)
    console = Console(stderr=True)
    if not console.is_terminal or os.environ.get("RANK", "0") != "0":
        train(job, say)
        return
    with live_bar(console) as bar:
        train(job, bar.say, progress=bar)


def _find_base(name: str, home: Path) -> "ResolvedBase":
    """The base model; of several processes the main one fetches it, while the others wait."""
    from model.loading.base import no_progress, resolve_base
    from training.cli.terminal import find_base
    from training.train.device import this_process

    process = this_process()
    with process.main_process_first():
        if process.is_main_process:
            return find_base(name, home)
        return resolve_base(name, home, no_progress)


TRAIN = TrainingCommand("train", "train an adapter on prepared pairs", add_arguments, run)
