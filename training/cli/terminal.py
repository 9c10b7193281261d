"""What the commands print: results on standard output, progress on standard error."""

import sys
from pathlib import Path

from model.base import ResolvedBase, resolve_base


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
