"""Files that appear whole or not at all, also if the program is killed or the power fails."""

import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from data.errors import DataError


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are safe from a power cut.

    Raises OSError.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 hash of a file's bytes, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise DataError(f"{path} exists already: name another file")


def _move(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)  # unlike a rename, this fails if somebody made `path` meanwhile
    except OSError:
        _refuse_existing(path)
        draft.rename(path)  # the file system has no hard links


@contextmanager
def new_file(path: Path) -> Generator[Path]:
    """Yield the path of an empty temporary file, which becomes `path` at the end of the block.

    The file is removed if the block raises. Only this user may read it. Raises DataError if
    `path` exists or if the system refuses to write it.
    """
    _refuse_existing(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".fungpt-")
        os.close(handle)
        draft = Path(name)
        try:
            yield draft
            sync(draft)
            _move(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        sync(path.parent)
    except OSError as exc:
        raise DataError(
            f"{path} cannot be written ({exc.strerror or exc}): name another file"
        ) from exc
