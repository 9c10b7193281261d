"""Writing a folder as a whole: after an error or a crash it is as it was before."""

import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(target: Path) -> Generator[Path]:
    """Gives a new folder beside `target`, which replaces `target` when the block ends.

    When the block raises, the new folder is deleted and `target` stays as it was.
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
    """Replace `target` by a copy of a folder, without the files named in `leave_out`."""
    with new_folder(target) as work:
        ignore = shutil.ignore_patterns(*leave_out)
        shutil.copytree(source, work, dirs_exist_ok=True, ignore=ignore)


def remove_partial(target: Path) -> None:
    """Delete the new folders that killed processes left beside `target`."""
    for beside in target.parent.glob(f".{target.name}.partial-*"):
        shutil.rmtree(beside, ignore_errors=True)
