"""Keeps what is typed too early from being written into an answer."""

import contextlib
import sys
import termios
from collections.abc import Generator

LOCAL_FLAGS = 3  # the index of termios's local flags


@contextlib.contextmanager
def quiet_keys() -> Generator[None, None, None]:
    """Inside, the terminal neither echoes nor edits: keys wait as they are for the next prompt.

    Ctrl-C still makes its signal. Without a terminal nothing happens.
    """
    try:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        yield
        return
    quiet = before.copy()
    quiet[LOCAL_FLAGS] &= ~(termios.ECHO | termios.ICANON)
    _set(descriptor, quiet)
    try:
        yield
    finally:
        _set(descriptor, before)


def _set(descriptor: int, attributes: list[int | list[bytes | int]]) -> None:
    with contextlib.suppress(OSError, termios.error):  # the terminal may be gone by now
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
