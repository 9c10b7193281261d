"""Promoting an adapter, so that it answers people, and rolling a promotion back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from model.loading.adapters import load_adapter
from model.loading.base import ResolvedBase, no_progress
from model.loading.manifest import (
    MANIFEST,
    WEIGHTS_HASH,
    AdapterManifest,
    file_sha256,
    read_manifest,
)
from model.loading.quantised import check_architecture
from model.loading.registry import Current, Promotion, Registry
from training.artifacts.figures import AFTER, BEFORE, is_better
from training.errors import AdapterError, RegistryError
from training.ship.gate import Candidate, Gate
from training.ship.registry import FILES, WEIGHTS, locked, store_version, version_of, write_current

# Is given a name and the version that answers from now on, None for the adapter of the settings.
Tell = Callable[[str, str | None], None]


@dataclass(frozen=True, slots=True)
class Change:
    """What answers as `name` now and what did before; None is the adapter of the settings."""

    name: str
    now: Promotion | None
    before: Promotion | None


def promote(
    folder: Path,
    name: str,
    base: ResolvedBase,
    registry: Registry,
    gate: Gate,
    tell: Tell,
    *,
    override: str | None = None,
) -> Change:
    """Check an adapter, let it answer as `name`, and tell the worker.

    An adapter that its own manifest calls no better than its base needs a reason, `override`,
    which is recorded with its promotion; one that was not needed is not recorded.

    Raises AdapterError, AdapterMismatch or ConfigError if the adapter is not complete or belongs
    to another base, RegistryError if it is no better than its base and there is no reason for it,
    or if the gate refuses it. Then nothing has changed.
    """
    checked = version_of(folder) if _is_complete(folder) else ""
    manifest, hash_ = check_adapter(folder, name, base)
    worse = is_better(manifest.figures) is False
    if worse and override is None:
        raise RegistryError(f"{folder} is not promoted as {name}: {_no_better(manifest)}")
    with locked(registry):
        current = registry.current(name)
        if (refusal := gate.refusal(Candidate(name, manifest, current.promotion))) is not None:
            raise RegistryError(f"{folder} is not promoted as {name}: {refusal}")
        version = store_version(registry, name, folder)
        if version != checked:
            raise AdapterError(f"{folder} changed while it was read: promote it again")
        promotion = Promotion(
            version=version,
            adapter=manifest.name,
            adapter_hash=hash_,
            promoted=datetime.now(UTC),
            override=override if worse else None,
        )
        before = current.promotion
        if before is None or before.version != version:
            write_current(registry, name, Current(promotions=(*current.promotions, promotion)))
        tell(name, version)
    return Change(name, promotion, before)


def roll_back(name: str, registry: Registry, tell: Tell) -> Change:
    """Let what answered as `name` before the last promotion answer again.

    Before the first promotion the adapter of the worker's settings answered. Raises RegistryError
    if nothing was promoted, or if the version before is damaged.
    """
    with locked(registry):
        current = registry.current(name)
        if current.promotion is None:
            raise RegistryError(
                f"nothing to roll back: no adapter was promoted as {name} in {registry.root}"
            )
        left = Current(promotions=current.promotions[:-1])
        if left.promotion is not None:
            _check_kept(registry.root / name / left.promotion.version)
        write_current(registry, name, left)
        tell(name, None if left.promotion is None else left.promotion.version)
    return Change(name, left.promotion, current.promotion)


def find_adapter(named: str, name: str, home: Path, registry: Registry) -> Path:
    """The folder of the adapter to promote as `name`.

    `named` is a folder, the name of a training under `home`, or the beginning of a version of
    `name` that the registry keeps; the first of these that exists is taken. Raises AdapterError
    with all names that exist.
    """
    trained = home / "training"
    versions = registry.versions(name)
    kept = [folder for folder in versions if folder.name.startswith(named)]
    if named and Path(named).is_dir():
        return Path(named)
    if _is_plain(named) and (trained / named).is_dir():
        return trained / named
    if named and len(kept) == 1:
        return kept[0]
    there = sorted(path.parent.name for path in trained.glob(f"*/{WEIGHTS}"))
    known = ", ".join([*there, *(folder.name for folder in versions)]) or "none"
    raise AdapterError(f"no adapter {named!r}: neither a folder nor one of {trained}: {known}")


def check_adapter(folder: Path, name: str, base: ResolvedBase) -> tuple[AdapterManifest, str]:
    """The manifest of an adapter that a worker of this base would serve, and the hash it serves.

    The manifest of an earlier version has a hash of the weights alone. Raises AdapterError,
    AdapterMismatch or ConfigError if no worker would serve it, or if the manifest is missing or
    does not fit the adapter.
    """
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise AdapterError(f"{folder} is no whole adapter: {missing[0]} is missing")
    manifest = read_manifest(folder)
    if manifest is None:
        raise AdapterError(f"{folder} is no whole adapter: {MANIFEST} is missing")
    served = load_adapter(name, str(folder), base, check_architecture(base), no_progress).hash
    by_weights = manifest.adapter_hash.startswith(WEIGHTS_HASH)
    found = f"{WEIGHTS_HASH}{file_sha256(folder / WEIGHTS)}" if by_weights else served
    if manifest.adapter_hash != found:
        raise AdapterError(
            f"{folder} is not what its {MANIFEST} says: it has {found}, "
            f"the manifest names {manifest.adapter_hash}"
        )
    return manifest, served


def _no_better(manifest: AdapterManifest) -> str:
    before, after = (manifest.figures[key] for key in (BEFORE, AFTER))
    return (
        "its manifest says that it is no better than its base (validation loss "
        f'{after:.4f}, base {before:.4f}): --override "reason" promotes it all the same'
    )


def _is_complete(folder: Path) -> bool:
    return all((folder / file).is_file() for file in FILES)


def _is_plain(named: str) -> bool:
    return bool(named) and Path(named).name == named


def _check_kept(folder: Path) -> None:
    if not _is_complete(folder) or version_of(folder) != folder.name:
        raise RegistryError(
            f"{folder}, which answered before, is missing or damaged: promote another adapter"
        )
