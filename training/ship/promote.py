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

NO_BETTER = "no better than its base"
"""What a promotion says that was made although the adapter's own manifest stands against it."""

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

    An adapter that its own manifest calls no better than its base, or that the gate refuses, needs
    a reason, `override`. It is recorded with its promotion, and so is what stood against it; a
    reason that was not needed is not recorded.

    Raises AdapterError, AdapterMismatch or ConfigError if the adapter is not complete or belongs
    to another base, RegistryError if something stands against it and there is no reason for it.
    Then nothing has changed.
    """
    checked = version_of(folder) if _is_complete(folder) else ""
    adapter = check_adapter(folder, name, base)
    manifest = adapter.manifest
    against: list[str] = []
    if is_better(manifest.figures) is False:
        against.append(NO_BETTER)
        _need_reason(folder, name, _no_better(manifest), override)
    with locked(registry):
        current = registry.current(name)
        candidate = Candidate(name, manifest, adapter.served_hash, current.promotion)
        ruling = gate.ruling(candidate)
        if ruling.refusal is not None:
            against.append(ruling.refusal)
            _need_reason(folder, name, ruling.refusal, override)
        version = store_version(registry, name, folder)
        if version != checked:
            raise AdapterError(f"{folder} changed while it was read: promote it again")
        promotion = Promotion(
            version=version,
            adapter=manifest.name,
            adapter_hash=adapter.served_hash,
            promoted=datetime.now(UTC),
            override=override if against else None,
            refused="; ".join(against) or None,
            votes=ruling.summary,
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


@dataclass(frozen=True, slots=True)
class CheckedAdapter:
    """An adapter that a worker would serve; its answers are stored with `served_hash`."""

    manifest: AdapterManifest
    served_hash: str


def check_adapter(folder: Path, name: str, base: ResolvedBase) -> CheckedAdapter:
    """Check that a worker of this base would serve an adapter.

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
    return CheckedAdapter(manifest, served)


def _need_reason(folder: Path, name: str, against: str, override: str | None) -> None:
    if override is None:
        raise RegistryError(
            f"{folder} is not promoted as {name}: {against}: "
            '--override "reason" promotes it all the same'
        )


def _no_better(manifest: AdapterManifest) -> str:
    before, after = (manifest.figures[key] for key in (BEFORE, AFTER))
    return (
        "its manifest says that it is no better than its base (validation loss "
        f"{after:.4f}, base {before:.4f})"
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
