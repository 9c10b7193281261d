"""`python -m training rollback`: let the adapter before the last promotion answer again."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.cli.promote import add_name

SUMMARY = "let the adapter before the last promotion answer again"


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add_name(parser)


def run(options: Namespace, home: Path) -> None:
    """Roll back, tell the worker, and say what answers now."""
    from model.loading.registry import Registry
    from training.cli.promote import describe, telling
    from training.cli.terminal import show
    from training.ship.promote import roll_back

    told: list[str] = []
    change = roll_back(options.name, Registry(home), telling(told))
    show(describe(change), *told)
