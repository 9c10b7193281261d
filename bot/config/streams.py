"""The process's standard streams: usable whatever was handed to it."""

import contextlib
import errno
import io
import os
import sys

from bot.text import clean_text


def prepare_streams() -> None:
    """Make printing safe: characters the locale lacks become `?`, closed streams become empty."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # else the next file opened would take its number
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def complain(line: str, code: int) -> int:
    """Print one line to standard error and give `code` back."""
    with contextlib.suppress(OSError):
        print(clean_text(line), file=sys.stderr, flush=True)  # noqa: T201
    return code


def nobody_reads(error: Exception) -> bool:
    """Whether it says that our output's reader has enough, or that the terminal is gone."""
    return isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.EIO)


def flush_output() -> None:
    """Write out what is buffered; where nobody takes it any more, throw it away without a word.

    Python would complain about it at its exit.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except OSError:
        _silence()


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
