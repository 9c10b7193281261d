"""The process's standard streams, made usable however the process was started."""

import contextlib
import errno
import io
import os
import sys

from bot.text import clean_text


def prepare_streams() -> None:
    """Make printing safe.

    Characters that the locale lacks are printed as `?`. A closed input reads as empty; what is
    written to a closed output is lost.
    """
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
    """Print one line to standard error and return `code`."""
    with contextlib.suppress(OSError):
        print(clean_text(line), file=sys.stderr, flush=True)  # noqa: T201
    return code


def nobody_reads(error: Exception) -> bool:
    """Whether the error means that nobody reads our output any more."""
    return isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.EIO)


def flush_output() -> None:
    """Write out what is buffered, and drop it where nobody reads it any more.

    Otherwise Python would complain about it when it exits.
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
