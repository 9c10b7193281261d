"""What the bot and the worker read from the environment and `.env`: both must mean the same."""

import os
from pathlib import Path

from dotenv import dotenv_values


def variable(name: str) -> str | None:
    """A variable of the environment or else of `.env`; None where it is empty or not set."""
    return os.environ.get(name) or dotenv_values(".env").get(name) or None


def home() -> Path:
    """Where run-time files live."""
    return Path(variable("FUNGPT_HOME") or "var")
