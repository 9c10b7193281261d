"""`python -m training`: prepare pairs, train an adapter, evaluate it, compare it with its base."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from dotenv import dotenv_values

from data.datasets import PROMPTS
from data.errors import DataError
from model.errors import ModelError
from training.errors import TrainingError
from training.quiet import silence_libraries
from training.split import Side

OPENMP_SPINS = "5000"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"training: {message}; see --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give the exit code: 0, 1 for a problem found, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    # Threads that spin for long starve each other beside other programs (docs/experiments.md).
    os.environ.setdefault("GOMP_SPINCOUNT", OPENMP_SPINS)
    silence_libraries()
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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("prepare", help="clean, deduplicate and divide pairs")
    command.add_argument("source", type=Path, metavar="SOURCE.jsonl")
    command.add_argument("--out", type=Path, required=True, help="the folder to make")
    command.add_argument("--seed", type=int, default=0)
    command = commands.add_parser("train", help="train an adapter on prepared pairs")
    command.add_argument("--config", type=Path, required=True, help="the recipe, a TOML file")
    command.add_argument("--data", type=Path, required=True, help="a prepared folder")
    command.add_argument("--out", type=Path, required=True, help="the adapter's folder to make")
    command = commands.add_parser("evaluate", help="loss of base and adapter on a side")
    _add_adapter(command)
    command.add_argument("--data", type=Path, required=True, help="a prepared folder")
    command.add_argument("--side", type=Side, choices=list(Side), default=Side.VALIDATION)
    command = commands.add_parser("compare", help="answers to the fixed prompts, side by side")
    _add_adapter(command)
    command.add_argument("--prompts", type=Path, default=PROMPTS, metavar="PROMPTS.jsonl")
    command.add_argument("--page", type=Path, help="also write this Markdown page")
    commands.add_parser("demo", help="all of it for the demo adapter: what `make adapter` does")
    return parser


def _add_adapter(command: argparse.ArgumentParser) -> None:
    shipped = Path("data/adapters/demo")
    command.add_argument("--adapter", type=Path, default=shipped, help=f"its folder ({shipped})")
    command.add_argument("--base", default="demo", help="demo, a folder or a hub id (demo)")


def _run(options: argparse.Namespace) -> None:
    # Only now: the libraries take seconds to import, and talk while they do.
    from training import commands

    home = _home()
    match options.command:
        case "prepare":
            commands.run_prepare(options.source, options.out, options.seed)
        case "train":
            commands.run_train(options.config, options.data, options.out, home)
        case "evaluate":
            base = commands.find_base(options.base, home)
            commands.run_evaluate(base, options.adapter, options.data, options.side)
        case "compare":
            base = commands.find_base(options.base, home)
            commands.run_compare(base, options.adapter, options.prompts, options.page)
        case _:
            commands.run_demo(home)


def _home() -> Path:
    # The bot reads .env; this must find the same models.
    variable = os.environ.get("FUNGPT_HOME") or dotenv_values(".env").get("FUNGPT_HOME")
    return Path(variable or "var")


if __name__ == "__main__":
    sys.exit(main())
