"""Writing the registry of promoted adapters; `model.loading.registry` says how it is laid out.

One process writes at a time: it holds a lock file, which the kernel frees if the process dies. A
version is copied beside its place and renamed into it, then `current` is replaced. Each step is on
the disk before the next one begins, so a kill at any moment leaves the old state or the new one.
"""

import hashlib
import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from data.files.file_lock import hold_lock
from data.files.new_file import sync
from model.loading.manifest import CONFIG, MANIFEST, WEIGHTS
from model.loading.registry import CURRENT, Current, Registry
from training.errors import RegistryError

FILES = (CONFIG, WEIGHTS, MANIFEST)
LOCK = ".lock"
LOCK_LIMIT_S = 60.0
_PARTIAL = ".partial-"


@contextmanager
def locked(registry: Registry, limit_s: float = LOCK_LIMIT_S) -> Generator[None]:
    """Hold the lock of the registry, so that no other process or thread writes.

    Raises RegistryError if another one holds it for longer than `limit_s` seconds, OSError where
    the disk has no file locks.
    """
    registry.root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(hold_lock(registry.root / LOCK, limit_s))
        except TimeoutError:
            raise RegistryError(
                f"{registry.root} is being written by another process: try again"
            ) from None
        yield


def version_of(folder: Path) -> str:
    """The version of an adapter's folder: 16 hex digits of a hash over the files that are kept.

    Raises OSError.
    """
    digest = hashlib.sha256()
    for name in FILES:
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def store_version(registry: Registry, name: str, source: Path) -> str:
    """Copy an adapter into the registry, unless it is there, and return its version.

    The caller holds the lock. The version is computed from the copy, so what is stored is what was
    hashed. Raises OSError.
    """
    home = registry.root / name
    home.mkdir(exist_ok=True)
    _clear(home)
    work = home / f"{_PARTIAL}{os.getpid()}"
    try:
        work.mkdir()
        for file in FILES:
            shutil.copyfile(source / file, work / file)
            sync(work / file)
        version = version_of(work)
        target = home / version
        if target.is_dir() and _is_whole(target):
            return version
        sync(work)
        if target.exists():  # damaged on the disk: the copy in hand is right
            for file in FILES:
                (work / file).replace(target / file)
            sync(target)
        else:
            work.rename(target)
        sync(home)
        sync(registry.root)
    finally:
        _discard(work)
    return version


def write_current(registry: Registry, name: str, current: Current) -> None:
    """Replace the file `current` of a name in one step. The caller holds the lock."""
    home = registry.root / name
    work = home / f"{_PARTIAL}{CURRENT}"
    try:
        work.write_text(
            current.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8"
        )
        sync(work)
        work.replace(home / CURRENT)
        sync(home)
    finally:
        work.unlink(missing_ok=True)


def _is_whole(folder: Path) -> bool:
    try:
        return version_of(folder) == folder.name
    except OSError:
        return False


def _clear(home: Path) -> None:
    """Remove what a killed process left behind; nobody else is writing now."""
    (home / f"{_PARTIAL}{CURRENT}").unlink(missing_ok=True)
    for left in home.glob(f"{_PARTIAL}[0-9]*"):
        _discard(left)


def _discard(work: Path) -> None:
    """Remove a work folder and what `store_version` puts into one; anything else stays."""
    with suppress(OSError):
        for file in FILES:
            (work / file).unlink(missing_ok=True)
        work.rmdir()
