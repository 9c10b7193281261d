"""The marker file that says which command an output folder belongs to, and which files it wrote."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from data.files.new_file import file_sha256, sync

MARKER = ".fungpt-output.json"
WORK_PREFIX = ".partial-"


def _plain(name: str) -> str:
    if name in ("", ".", "..", MARKER) or "/" in name or "\0" in name:
        raise ValueError("not the name of a file in the folder")
    return name


def _work(name: str) -> str:
    if not name.startswith(WORK_PREFIX):
        raise ValueError("not the name of a work folder")
    return _plain(name)


class Marker(BaseModel):
    """What a command says of its output folder.

    `kind` is the command. `files` has the name of each file that it wrote, with the SHA-256
    hashes that the file may have: two while the file is being replaced, none if the command
    changes it all the time. `work` is the folder, inside the output folder, in which a run
    gathers its files; it is named here while the run lasts, and after a kill.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    files: Mapping[Annotated[str, AfterValidator(_plain)], tuple[str, ...]]
    work: Annotated[str, AfterValidator(_work)] | None = None

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the marker of a folder; None if it has none, or one that is damaged."""
        content = marker_bytes(folder)
        try:
            return None if content is None else cls.model_validate_json(content)
        except ValidationError:
            return None

    def text(self) -> str:
        """Return the content of the marker file."""
        return self.model_dump_json(indent=1, exclude_none=True) + "\n"

    def create(self, folder: Path) -> None:
        """Write the marker into a folder that has none; FileExistsError if it has one."""
        with (folder / MARKER).open("x", encoding="utf-8") as file:
            file.write(self.text())
            file.flush()
            os.fsync(file.fileno())
        sync(folder)

    def replace(self, folder: Path, scratch: Path) -> None:
        """Replace the marker of a folder, through a file in `scratch`, so that it is never half."""
        draft = scratch / MARKER
        draft.write_text(self.text(), encoding="utf-8")
        sync(draft)
        draft.replace(folder / MARKER)
        sync(folder)

    def changed(self, folder: Path) -> Iterator[str]:
        """Yield the names of the listed files that are not as the command wrote them.

        A file that is missing is not among them.
        """
        for name, hashes in self.files.items():
            path = folder / name
            if os.path.lexists(path) and not _is_one_of(path, hashes):
                yield name


def marker_bytes(folder: Path) -> bytes | None:
    """Return the content of a folder's marker file; None if there is no such regular file."""
    path = folder / MARKER
    return path.read_bytes() if is_regular(path) else None


def is_regular(path: Path) -> bool:
    """Return whether there is a regular file at `path`, not a link to one."""
    try:
        return S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _is_one_of(path: Path, hashes: tuple[str, ...]) -> bool:
    return is_regular(path) and (not hashes or file_sha256(path) in hashes)
