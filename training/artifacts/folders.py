"""Making a folder whole or not at all."""

import shutil
import tempfile
from collections.abc import Generator, Sequence
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


def copy_folder(source: Path, target: Path, leave_out: Sequence[str] = ()) -> None:
    """Copy a folder to `target`, whole or not at all, without the names to leave out."""
    with new_folder(target) as work:
        ignore = shutil.ignore_patterns(*leave_out)
        shutil.copytree(source, work, dirs_exist_ok=True, ignore=ignore)


def remove_partial(target: Path) -> None:
    """Remove work folders that a killed process left beside `target`."""
    for beside in target.parent.glob(f".{target.name}.partial-*"):
        shutil.rmtree(beside, ignore_errors=True)
