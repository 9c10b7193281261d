"""A bar for each stage of a long command, on standard error."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.cli.terminal import say


@contextmanager
def progress_bar() -> Generator[Callable[[str, int, int], None]]:
    """A function that takes stage, done and total: bars on a terminal, else a line a stage."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield update


def _lines() -> Callable[[str, int, int], None]:
    told: set[str] = set()

    def update(stage: str, done: int, total: int) -> None:
        if done == total and stage not in told:
            told.add(stage)
            say(f"{stage}: {total} done")

    return update
