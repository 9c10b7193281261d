"""The registry of promoted adapters: folders on disk that training writes and the worker reads.

    var/adapters/NAME/VERSION/   an adapter, never changed once it is there
    var/adapters/NAME/current    which version answers as NAME, and those before it, as JSON

`current` is only ever replaced whole, so whoever reads it sees one state or the next.
"""

import logging
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from model.errors import ConfigError
from model.loading.record_file import read_record

log = logging.getLogger(__name__)

FOLDER = "adapters"
CURRENT = "current"
POLL_S = 2.0  # how often a running worker looks for a change
_VERSION = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Promotion(BaseModel):
    """One version's turn: its folder's name, and whence and when it came."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[str, Field(pattern=f"^{_VERSION.pattern}$")]
    adapter: str
    adapter_hash: str
    promoted: datetime


class Current(BaseModel):
    """What `current` holds: the promotions in their order, the last of them answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    promotions: tuple[Promotion, ...] = ()

    @property
    def promotion(self) -> Promotion | None:
        """The one that answers; None when all were rolled back."""
        return self.promotions[-1] if self.promotions else None


Stamp = tuple[int, int, int]


class Registry:
    """Reads the registry of one `FUNGPT_HOME`; a folder that is not there is an empty one."""

    def __init__(self, home: Path) -> None:
        self.root = (home / FOLDER).resolve()

    def current(self, name: str) -> Current:
        """The promotions of a name, none where it was never promoted; ConfigError when damaged."""
        return read_record(self.root / name / CURRENT, Current) or Current()

    def folder(self, name: str) -> Path | None:
        """The adapter that answers as `name`; None: the settings' own. ConfigError when damaged."""
        promotion = self.current(name).promotion
        if promotion is None:
            return None
        folder = self.root / name / promotion.version
        if not folder.is_dir():
            raise ConfigError(f"{folder} is missing, and {self.root / name / CURRENT} names it")
        return folder

    def versions(self, name: str) -> list[Path]:
        """Every version kept under a name, whether it answers or not."""
        return sorted(
            path for path in (self.root / name).glob("*") if _VERSION.fullmatch(path.name)
        )

    def promoted(self) -> dict[str, Path]:
        """Every promoted adapter's folder by name; a damaged entry is logged and left out."""
        found: dict[str, Path] = {}
        for name in self.stamps():
            try:
                folder = self.folder(name)
            except ConfigError as error:
                log.warning("%s", error)
                continue
            if folder is not None:
                found[name] = folder
        return found

    def stamps(self) -> dict[str, Stamp]:
        """For every name with a `current` file, what changes whenever that file is replaced."""
        stamps: dict[str, Stamp] = {}
        for path in sorted(self.root.glob(f"*/{CURRENT}")):
            try:
                found = path.stat()
            except OSError:
                continue  # replaced or removed this very moment: the next look sees it
            if _NAME.fullmatch(path.parent.name) and path.parent.name != "base":
                stamps[path.parent.name] = (found.st_mtime_ns, found.st_ino, found.st_size)
        return stamps

    def inside(self, path: str) -> Path:
        """An adapter's folder in here, given whole or from the registry's root.

        Raises ValueError for every other place on the disk, wherever links lead.
        """
        try:
            folder = (self.root / path).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a NUL
            raise ValueError(f"{path!r} is no path") from error
        if folder.parent.parent != self.root:
            raise ValueError(f"{path!r} is no adapter of the registry: NAME/VERSION in {FOLDER}/")
        return folder


def check_name(name: str) -> str:
    """The name, if an adapter can be called so; ValueError otherwise."""
    if not _NAME.fullmatch(name) or name == "base":
        raise ValueError(
            f"{name!r} cannot name an adapter: up to 64 letters, digits, _ . -, and not 'base'"
        )
    return name
