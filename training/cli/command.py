"""What a command is, and what every command reads from the environment."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values


@dataclass(frozen=True, slots=True)
class TrainingCommand:
    """A command of `python -m training`.

    `run` is given the parsed arguments and the folder of run-time files. Importing a command's
    module is cheap: libraries that take seconds are imported when it runs.
    """

    name: str
    summary: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Path], None]


def variable(name: str) -> str | None:
    """A variable of the environment, or else of the file `.env`; None if it is empty or not set.

    Bot and worker read their settings in the same way.
    """
    return os.environ.get(name) or dotenv_values(".env").get(name) or None


def home() -> Path:
    """The folder of run-time files: FUNGPT_HOME, else `var`."""
    return Path(variable("FUNGPT_HOME") or "var")
