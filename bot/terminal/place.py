"""Who is talking at this machine, and in which conversation."""

import getpass
import uuid

from bot.front_end import PIPE, TERMINAL
from bot.terminal.session import Place
from bot.text import clean_name


def terminal_place() -> Place:
    """The one conversation of the terminal: it goes on after a restart."""
    return Place(TERMINAL, TERMINAL, TERMINAL, _user_name())


def piped_place() -> Place:
    """A conversation of its own for every run, so that what a script gets depends on it alone."""
    return Place(PIPE, f"{PIPE}:{uuid.uuid4()}", TERMINAL, _user_name())


def _user_name() -> str:
    try:
        return clean_name(getpass.getuser())
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return TERMINAL
