"""One bot per database: two would both answer what is left over from a killed run."""

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

from bot.errors import AlreadyRunning


@contextlib.contextmanager
def only_instance(path: Path) -> Generator[None, None, None]:
    """Hold the lock file `path` inside the block; the system lets go of it however we end.

    Raises AlreadyRunning when another process holds it, OSError when it cannot be written.
    """
    with path.open("a+", encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise AlreadyRunning(file.read(20).strip(), path.parent) from error
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
