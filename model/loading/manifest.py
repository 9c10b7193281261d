"""How an adapter was made: the manifest beside it."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from model.loading.record_file import read_record

# What an adapter's folder holds.
MANIFEST, CONFIG, WEIGHTS = "manifest.json", "adapter_config.json", "adapter_model.safetensors"


class BaseRecord(BaseModel):
    """The base model an adapter was trained on; `revision` is the hub's commit, where known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    hash: str
    revision: str | None = None


class DataRecord(BaseModel):
    """What it was trained on; `rows` counts the training side.

    `consent` says whether the writers agreed, None where nobody said. `discord_permission` is the
    reference of Discord's permission to train on its message content, None if there is none in it.
    `exports` are the ids and hashes of the bot's exports in it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    sha256: str
    rows: int
    licence: str
    consent: str | None = None
    discord_permission: str | None = None
    exports: tuple[str, ...] = ()


class AdapterManifest(BaseModel):
    """Everything needed to know where an adapter comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    name: str
    base: BaseRecord
    adapter_hash: str
    data: DataRecord
    config: dict[str, Any]
    code_version: str
    figures: dict[str, float]
    created: datetime


def read_manifest(folder: Path) -> AdapterManifest | None:
    """The manifest in an adapter's folder, None where there is none; ConfigError when damaged."""
    return read_record(folder / MANIFEST, AdapterManifest)


def write_manifest(folder: Path, manifest: AdapterManifest) -> None:
    """Write the manifest into an adapter's folder."""
    text = manifest.model_dump_json(indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def file_sha256(path: Path) -> str:
    """The hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
