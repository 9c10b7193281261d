"""What was made from exports: prepared data, adapters, merged models, and pages that quote them."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from data.files.export_manifest import manifest_path
from data.records import MadeExport

# What `python -m training` writes beside its results; each names the exports that went in.
_KINDS = {
    "card.json": "prepared data",
    "job.json": "unfinished training",
    "manifest.json": "adapter",
    "merge.json": "merged model",
    "report.json": "evaluation",
}


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """A folder with something that was made from an export: `kind` says what."""

    kind: str
    folder: Path


def made_from(exports: Iterable[MadeExport], folders: Iterable[Path]) -> tuple[MadeFrom, ...]:
    """Find what was made from one of the exports in these folders and all folders inside them.

    A card or manifest names an export by its id, or by the hash of its file. What cannot be read
    is passed over. Nothing is changed.
    """
    names = {name for export in exports for name in (export.id, export.sha256)}
    if not names:
        return ()
    found = {
        path.resolve(): MadeFrom(_KINDS[path.name], path.parent)
        for folder in folders
        for path in sorted(_records(folder))
        if not names.isdisjoint(_texts(_read(path)))
    }
    return tuple(found.values())


def _records(folder: Path) -> Iterator[Path]:
    for place, _, files in os.walk(folder):  # passes over what it may not read
        yield from (Path(place, name) for name in _KINDS if name in files)


def still_there(export: MadeExport, folders: Iterable[Path]) -> list[Path]:
    """Where an export is found, and the folders with what was made from it."""
    file = [path] if (path := Path(export.path)).exists() else []
    return [*file, *(one.folder for one in made_from([export], folders))]


def forgotten_lines(exports: Sequence[MadeExport], folders: Iterable[Path]) -> list[str]:
    """Lines that name the exports with words of forgotten people, and what was made from them.

    No line where there is no such export.
    """
    affected = [export for export in exports if export.forgotten]
    if not affected:
        return []
    lines = [
        "These hold words or ratings of people who were forgotten, and cannot be changed from here:"
    ]
    for export in affected:
        manifest = manifest_path(Path(export.path))
        lines.append(
            f"  export: {export.path} ({export.forgotten} of {export.ratings} ratings; {manifest})"
        )
    lines += [f"  {one.kind}: {one.folder}" for one in made_from(affected, folders)]
    return [
        *lines,
        "  Delete them, say so with `python -m data exports --deleted ID`, and train again.",
    ]


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in cast("dict[str, object]", value).values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _texts(inner)
