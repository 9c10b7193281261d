"""Folders that a start works in before it puts its result into place, and a lock around them.

They lie among files that may be anybody's, so each holds a mark that says whose it is: only marked
ones are ever removed.
"""

import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from errno import ENOLCK, ENOSYS
from pathlib import Path

from filelock import FileLock, Timeout

MARK = ".fungpt-work"
_SHOWN = 3  # names in a line


@contextmanager
def only_one(lock: Path, waiting: Callable[[], None]) -> Generator[None]:
    """Let one process at a time work; the system releases the lock of a killed process.

    `waiting` is called if another one is at work. The lock file's content stays as it is. Raises
    OSError, ENOLCK where the disk has no file locks.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    # Never the library's soft lock, which a killed holder would leave behind.
    held = FileLock(lock, fallback_to_soft=False)
    try:
        try:
            held.acquire(blocking=False)
        except Timeout:
            waiting()
            held.acquire()
    except OSError as error:
        if error.errno != ENOSYS:
            raise
        raise OSError(ENOLCK, "the disk has no file locks", str(lock)) from error
    try:
        yield
    finally:
        held.release()


@contextmanager
def work_folder(parent: Path, prefix: str) -> Generator[Path]:
    """Yield a new folder in `parent`, which is removed at the end of the block.

    Those of the same prefix that killed processes left are removed first, so the caller holds a
    lock. What has no mark is not ours and stays. Raises OSError.
    """
    for left in parent.iterdir():
        if left.name.startswith(prefix) and (left / MARK).is_file():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=prefix) as work:
        (Path(work) / MARK).touch()
        yield Path(work)


def put_aside(path: Path) -> None:
    """Give what lies at `path` another name beside it; nothing is lost. Raises OSError."""
    number = 1
    while (aside := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    path.rename(aside)


def names_in(folder: Path) -> str:
    """The first few names in a folder, and how many more there are; empty if there is none."""
    names = sorted(path.name for path in folder.iterdir())
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
