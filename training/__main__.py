"""`python -m training`: from a file of conversations to an adapter, and what it is worth."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from data.errors import DataError
from model.errors import ModelError
from training.cli.command import TrainingCommand, home
from training.cli.compare import COMPARE
from training.cli.demo import DEMO
from training.cli.evaluate import EVALUATE
from training.cli.merge import MERGE
from training.cli.prepare import PREPARE
from training.cli.promote import PROMOTE, ROLLBACK
from training.cli.seed_table import SEED_TABLE
from training.cli.train import TRAIN
from training.cli.voice import VOICE
from training.errors import TrainingError

OPENMP_SPINS = "5000"
COMMANDS = (PREPARE, TRAIN, EVALUATE, COMPARE, DEMO, MERGE, PROMOTE, ROLLBACK, SEED_TABLE, VOICE)


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
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.summary)
        sub.set_defaults(chosen=command)
        command.add_arguments(sub)
    return parser


def _run(options: argparse.Namespace) -> None:
    from training.cli.terminal import silence_libraries

    silence_libraries()
    command: TrainingCommand = options.chosen
    command.run(options, home())


if __name__ == "__main__":
    sys.exit(main())
