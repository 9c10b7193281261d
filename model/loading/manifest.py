"""The manifest in an adapter's folder: how the adapter was made."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from model.errors import ConfigError

# What an adapter's folder holds.
MANIFEST, CONFIG, WEIGHTS = "manifest.json", "adapter_config.json", "adapter_model.safetensors"
# How the hash begins that an earlier version gave an adapter: of its weights' file alone.
WEIGHTS_HASH = "sha256:"
_DIGITS = 12  # of a hash, for people
Record = TypeVar("Record", bound=BaseModel)


class BaseRecord(BaseModel):
    """The base model that an adapter was trained on; `revision` is the hub's commit if known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    hash: str
    revision: str | None = None


class DataRecord(BaseModel):
    """The data that an adapter was trained on; `rows` counts those that it learned from.

    Of these, `rows_shortened` were longer than the recipe's `max_tokens` and lost their beginning;
    `rows_left_out` more were too long and not learned from. Both are None in the manifest of an
    earlier version, whose `rows` counted those left out as well. `consent` says in words whether
    the writers agreed; None where nobody said so.
    `discord_permission` is the reference of Discord's permission to train on its message content,
    None if there is no such content. `exports` are the ids and hashes of the bot's exports in it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    sha256: str
    rows: int
    licence: str
    consent: str | None = None
    discord_permission: str | None = None
    exports: tuple[str, ...] = ()
    rows_shortened: int | None = None
    rows_left_out: int | None = None

    @property
    def learned(self) -> str:
        """The rows that were learned from, in words, and what became of others."""
        counts = ((self.rows_shortened, "shortened"), (self.rows_left_out, "more left out"))
        told = ", ".join(f"{count} {word}" for count, word in counts if count)
        return f"{self.rows} rows ({told}: too long)" if told else f"{self.rows} rows"


class AdapterManifest(BaseModel):
    """Where an adapter comes from: base, data, recipe, code and what was measured.

    `adapter_hash` is the one that it is served with, `lora-sha256:` and digits. An earlier version
    wrote that of the weights' file alone, which begins with `WEIGHTS_HASH`.
    """

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
    """The manifest in an adapter's folder, None where there is none.

    Raises ConfigError, one line, when it is damaged.
    """
    return read_record(folder / MANIFEST, AdapterManifest)


def write_manifest(folder: Path, manifest: AdapterManifest) -> None:
    """Write the manifest into an adapter's folder."""
    text = manifest.model_dump_json(indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def short_hash(hash_: str) -> str:
    """The beginning of a hash, for people: its kind, twelve digits, and an ellipsis."""
    kind, colon, digits = hash_.rpartition(":")
    return f"{kind}{colon}{digits[:_DIGITS]}…"


def file_sha256(path: Path) -> str:
    """The hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_record(path: Path, kind: type[Record]) -> Record | None:
    """Read a JSON file that one of our programs wrote, None where there is no file.

    Raises ConfigError, one line, when it cannot be read or is not of this kind.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "the file"
        raise ConfigError(f"{path}: {place}: {detail['msg']}") from error
