"""Making a folder whole or not at all."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(target: Path) -> Generator[Path]:
    """A work folder beside `target` that takes its place when the block ends without an error.

    What was at `target` before goes; after an error it is still there and the work folder is not.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=f".{target.name}.partial-"
    ) as beside:
        work, old = Path(beside) / "new", Path(beside) / "old"
        work.mkdir()
        yield work
        if target.exists():
            target.rename(old)
        work.rename(target)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder to `target`, whole or not at all."""
    with new_folder(target) as work:
        shutil.copytree(source, work, dirs_exist_ok=True)
