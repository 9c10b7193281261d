"""What the commands print: results on standard output, progress on standard error."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from model.loading.base import ResolvedBase, resolve_base

if TYPE_CHECKING:
    from rich.table import Table

_KEPT_WIDTH = 120


def show(*lines: str) -> None:
    """Lines of a result."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def say(line: str) -> None:
    """One line of progress."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def find_base(name: str, home: Path) -> ResolvedBase:
    """The base model, fetched first where it is missing."""
    return resolve_base(name, home, lambda stage, _: say(stage))


def print_table(table: "Table") -> None:
    """A table of a result: as wide as the terminal, or whole where the output is kept."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _KEPT_WIDTH
    Console(file=sys.stdout, width=width, highlight=False).print(table)
