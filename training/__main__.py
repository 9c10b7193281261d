"""`python -m training`: from a file of conversations to an adapter, and what it is worth."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from data.errors import DataError
from model.errors import ModelError
from training.cli import (
    compare,
    demo,
    evaluate,
    merge,
    prepare,
    promote,
    rollback,
    seed_table,
    train,
    voice,
)
from training.errors import TrainingError
from training.ship.environment import home

OPENMP_SPINS = "5000"
# Each is cheap to import: the libraries that take seconds come in when it runs.
COMMANDS = {
    "prepare": prepare,
    "train": train,
    "evaluate": evaluate,
    "compare": compare,
    "demo": demo,
    "merge": merge,
    "promote": promote,
    "rollback": rollback,
    "seed-table": seed_table,
    "voice": voice,
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"training: {message}; see --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give the exit code: 0, 1 for a problem found, 2 for a wrong call."""
    options = parser().parse_args(arguments)
    # Threads that spin for long starve each other beside other programs (docs/experiments.md).
    os.environ.setdefault("GOMP_SPINCOUNT", OPENMP_SPINS)
    try:
        _run(options)
    except (TrainingError, DataError, ModelError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"training: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("training: stopped; nothing half-made is left", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    parser = _Parser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.SUMMARY))
    return parser


def _run(options: argparse.Namespace) -> None:
    from training.cli.quiet import silence_libraries

    silence_libraries()
    COMMANDS[options.command].run(options, home())


if __name__ == "__main__":
    sys.exit(main())
