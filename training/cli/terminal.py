"""What the commands print: results on standard output, progress on standard error."""

import logging
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from model.loading.base import ResolvedBase, resolve_base

if TYPE_CHECKING:
    from rich.table import Table

_KEPT_WIDTH = 120

# Is given the stage, how much of it is done, and how much there is to do.
StageProgress = Callable[[str, int, int], None]


def show(*lines: str) -> None:
    """Print lines of a result."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def say(line: str) -> None:
    """Print one line of progress."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def print_table(table: "Table") -> None:
    """Print a table of a result, as wide as the terminal; 120 columns wide into a file."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _KEPT_WIDTH
    Console(file=sys.stdout, width=width, highlight=False).print(table)


@contextmanager
def stage_progress() -> Generator[StageProgress]:
    """A function that shows progress: a bar for each stage on a terminal, else a line for each."""
    if not sys.stderr.isatty():
        yield _print_finished_stages()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield update


def find_base(name: str, home: Path) -> ResolvedBase:
    """The base model `name` (demo, a folder or a hub id), fetched first if it is missing.

    Raises ModelError.
    """
    return resolve_base(name, home, lambda stage, _: say(stage))


def silence_libraries() -> None:
    """Let transformers, peft, accelerate and bitsandbytes print errors only.

    Call it before any of them is imported: some print while they are imported.
    """
    warnings.filterwarnings("ignore", module=r"(transformers|peft|accelerate|bitsandbytes|torch)\b")
    for name in ("transformers", "peft", "accelerate", "bitsandbytes"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    set_verbosity_error()
    disable_progress_bar()


def _print_finished_stages() -> StageProgress:
    told: set[str] = set()

    def update(stage: str, done: int, total: int) -> None:
        if done == total and stage not in told:
            told.add(stage)
            say(f"{stage}: {total} done")

    return update
