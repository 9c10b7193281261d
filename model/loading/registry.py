"""The registry of promoted adapters: a folder that training writes and the worker reads.

    var/adapters/NAME/VERSION/   an adapter, never changed once it is there
    var/adapters/NAME/current    which version answers as NAME, and those before it, as JSON

`current` is only ever replaced as a whole, so a reader sees the old state or the new one.
"""

import logging
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from model.errors import ConfigError
from model.loading.manifest import read_record
from model.loading.names import is_adapter_name

log = logging.getLogger(__name__)

FOLDER = "adapters"
CURRENT = "current"
POLL_S = 2.0  # how often a running worker looks for a change
_VERSION = re.compile(r"[0-9a-f]{16}")


class Promotion(BaseModel):
    """The promotion of one version: its folder's name, where it came from, and when.

    `override` is the reason that somebody gave for promoting it although something stood against
    it, its own manifest or people's votes; `refused` says what that was. Both are None where no
    reason was needed. `votes` says what people's votes came to, None where nobody was asked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[str, Field(pattern=f"^{_VERSION.pattern}$")]
    adapter: str
    adapter_hash: str
    promoted: datetime
    override: str | None = None
    refused: str | None = None
    votes: str | None = None


class Current(BaseModel):
    """What `current` holds: the promotions in their order. The last of them answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    promotions: tuple[Promotion, ...] = ()

    @property
    def promotion(self) -> Promotion | None:
        """The promotion that answers; None when all were rolled back."""
        return self.promotions[-1] if self.promotions else None


Stamp = tuple[int, int, int]


class Registry:
    """Reads the registry of one `FUNGPT_HOME`; a missing folder counts as empty."""

    def __init__(self, home: Path) -> None:
        self.root = (home / FOLDER).resolve()

    def current(self, name: str) -> Current:
        """The promotions of a name, empty where nothing was promoted.

        Raises ConfigError when the file is damaged.
        """
        return read_record(self.root / name / CURRENT, Current) or Current()

    def folder(self, name: str) -> Path | None:
        """The folder of the adapter that answers as `name`; None where the settings decide.

        Raises ConfigError when the file is damaged or names a folder that is missing.
        """
        promotion = self.current(name).promotion
        if promotion is None:
            return None
        folder = self.root / name / promotion.version
        if not folder.is_dir():
            raise ConfigError(f"{folder} is missing, and {self.root / name / CURRENT} names it")
        return folder

    def versions(self, name: str) -> list[Path]:
        """The folders of all versions kept under a name, whether they answer or not."""
        return sorted(
            path for path in (self.root / name).glob("*") if _VERSION.fullmatch(path.name)
        )

    def promoted(self) -> dict[str, Path]:
        """The folder that answers under each name; a damaged entry is logged and left out."""
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
        """For each name with a `current` file, a value that changes when the file is replaced."""
        stamps: dict[str, Stamp] = {}
        for path in sorted(self.root.glob(f"*/{CURRENT}")):
            try:
                found = path.stat()
            except OSError:
                continue  # replaced or removed at this moment: the next call sees the new state
            if is_adapter_name(path.parent.name):
                stamps[path.parent.name] = (found.st_mtime_ns, found.st_ino, found.st_size)
        return stamps

    def inside(self, path: str) -> Path:
        """The folder of an adapter in the registry; `path` is absolute, or NAME/VERSION.

        Raises ValueError for every other place on the disk; links are followed first.
        """
        try:
            folder = (self.root / path).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a NUL
            raise ValueError(f"{path!r} is no path") from error
        if folder.parent.parent != self.root:
            raise ValueError(f"{path!r} is no adapter of the registry: NAME/VERSION in {FOLDER}/")
        return folder
