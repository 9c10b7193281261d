"""What is remembered of self-checks, so that each costs once.

    var/checks/KEY.json    the base that this key stands for was compared, and how close it was

The key is a hash of all that decides whether the comparison would end as it did: the folder's
config and weights, how they are computed and on what, the libraries and this program's own code.
"""

import hashlib
import json
import logging
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from model.errors import ConfigError
from model.loading.base import folder_fingerprint
from model.loading.manifest import read_record

log = logging.getLogger(__name__)

FOLDER = "checks"
_LIBRARIES = ("torch", "transformers", "bitsandbytes")
_CODE = ("runner", "loading", "assembly.py")  # below model/: what decides the numbers
_LENGTH = 8  # bytes before a safetensors header
_LONGEST = 100_000_000  # bytes of such a header, as the library itself allows


class CheckRecord(BaseModel):
    """A base that was computed right: how far its logits were from transformers' own.

    `function` is the distance in float32, `served` that of the way in which it is served.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    key: str
    base: str
    computed: str
    function: float = Field(ge=0, allow_inf_nan=False)
    served: float = Field(ge=0, allow_inf_nan=False)
    checked: datetime


class CheckRecords:
    """The records below one `FUNGPT_HOME`."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def has(self, key: str) -> bool:
        """Whether the base of this key was computed right; a damaged record says nothing."""
        try:
            record = read_record(self._path(key), CheckRecord)
        except ConfigError as error:
            log.warning("checked again, since the record of the last time is damaged: %s", error)
            return False
        return record is not None and record.key == key

    def add(self, key: str, base: str, computed: str, *, function: float, served: float) -> None:
        """Remember that a base was computed right; the log says where that cannot be kept."""
        record = CheckRecord(
            key=key, base=base, computed=computed,
            function=function, served=served, checked=datetime.now(UTC),
        )  # fmt: skip
        path = self._path(key)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            log.warning("%s is checked again at each start: %s", base, error)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def check_key(folder: Path, computed: str, device: torch.device, max_context: int) -> str:
    """The key of a base in `folder`, computed as `computed` says on `device`, in 64 hex digits."""
    told = {
        "folder": folder_fingerprint(folder),
        "headers": _headers(folder),
        "computed": computed,
        "device": _device_name(device),
        "max_context": max_context,
        "libraries": {name: version(name) for name in _LIBRARIES},
        "code": _code(),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _headers(folder: Path) -> str:
    """A hash of what the files of weights hold: each tensor's name, kind, shape and place."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH), "little")
            digest.update(file.read(min(length, _LONGEST)))
    return digest.hexdigest()


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} {torch.cuda.get_device_capability(device)}"
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def _code() -> str:
    """A hash of this program's files that decide the numbers."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for place in _CODE:
        top = package / place
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
