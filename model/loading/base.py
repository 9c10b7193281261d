"""Finds a base model: its folder on this machine, and the hash that identifies it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from model.errors import ConfigError
from model.loading.demo import DEMO_ID, DEMO_SHA256, Progress, demo_folder

_SAMPLES = 64
_SAMPLE_BYTES = 65_536
_NEEDED = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model")
_NOT_NEEDED = ("consolidated*",)  # the same weights once more, in Mistral's own format


@dataclass(frozen=True, slots=True)
class ResolvedBase:
    """A base model on this machine: its public name, its folder and what identifies its weights."""

    id: str
    folder: Path
    hash: str


def no_progress(_stage: str, _share: float | None) -> None:
    """A Progress that tells nobody."""


def resolve_base(name: str, home: Path, progress: Progress) -> ResolvedBase:
    """Find the base model `name`: `demo`, a folder, or a hub id, downloaded where needed.

    `home` is where the converted demo model is kept. Raises DemoModelError or ConfigError, one
    line each.
    """
    if name == "demo":
        return ResolvedBase(DEMO_ID, demo_folder(home, progress), f"sha256:{DEMO_SHA256}")
    if (folder := local_folder(name)) is not None:
        if not (folder / "config.json").is_file():
            raise ConfigError(f"BASE_MODEL={name}: this folder holds no config.json, so no model")
        return ResolvedBase(folder.resolve().name, folder.resolve(), folder_fingerprint(folder))
    snapshot = hub_snapshot(name, f"BASE_MODEL={name}", progress)
    return ResolvedBase(name, snapshot, f"revision:{snapshot.name}")


def local_folder(name: str) -> Path | None:
    """The folder of this name, where `~` is the home folder; None where there is no such folder."""
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError):  # a name too long, a folder out of reach, an unknown ~person
        return None


def hub_snapshot(repo_id: str, setting: str, progress: Progress) -> Path:
    """Download a hub repository; return its folder in the cache, whose name is the revision.

    Raises ConfigError, which begins with `setting`, when the hub does not give it.
    """
    from httpx2 import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    progress(f"fetching {repo_id} from the hub", None)
    try:
        return Path(
            snapshot_download(
                repo_id, allow_patterns=list(_NEEDED), ignore_patterns=list(_NOT_NEEDED)
            )
        )
    except HFValidationError as error:
        raise ConfigError(f"{setting}: neither a folder here nor a hub id (owner/name)") from error
    except (HTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"{setting}: no such folder here, and the hub does not give it ({reason}); "
            "check the name, the network and, for a gated model, HF_TOKEN"
        ) from error


def folder_fingerprint(folder: Path) -> str:
    """A hash that identifies a model folder without reading gigabytes.

    It covers config.json and, of every file of weights, the name, the size, and 64 samples spread
    evenly from the beginning on.
    """
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin")):
        size = path.stat().st_size
        digest.update(f"{path.name}:{size}".encode())
        with path.open("rb") as file:
            for i in range(_SAMPLES):
                file.seek(size * i // _SAMPLES)
                digest.update(file.read(_SAMPLE_BYTES))
    return f"sampled-sha256:{digest.hexdigest()}"
