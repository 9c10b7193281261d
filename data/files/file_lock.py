"""A file that one process at a time holds."""

from collections.abc import Generator
from contextlib import contextmanager
from errno import ENOLCK, ENOSYS
from pathlib import Path

from filelock import FileLock


@contextmanager
def hold_lock(path: Path, wait_s: float = 0.0) -> Generator[None]:
    """Hold the file `path`, which is made where it is missing, to the end of the block.

    Its content stays as it is, and the file stays behind. The system lets go of it however this
    process ends. Raises TimeoutError if another process or thread holds it for longer than
    `wait_s` seconds, and OSError, ENOLCK where the disk has no file locks.
    """
    # Never the library's soft lock, which a killed holder would leave behind.
    lock = FileLock(path, timeout=wait_s, fallback_to_soft=False)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno != ENOSYS:
            raise
        raise OSError(ENOLCK, "the disk has no file locks", str(path)) from error
    try:
        yield
    finally:
        lock.release()
