"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from data.errors import DataError
from data.files.disk import sync


@contextmanager
def new_file(path: Path) -> Generator[Path]:
    """Give a temporary file to fill, which becomes `path` at the end, or vanishes on an error.

    Only this user may read it. Raises DataError if `path` exists, and where the system refuses.
    """
    if os.path.lexists(path):
        raise DataError(f"{path} exists already: name another file")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".fungpt-")
        os.close(handle)
        draft = Path(name)
        try:
            yield draft
            sync(draft)
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
        sync(path.parent)
    except OSError as exc:
        raise DataError(
            f"{path} cannot be written ({exc.strerror or exc}): name another file"
        ) from exc
