"""Writing the file of each side, and checking that no text is in two of them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path

import numpy as np

from model.loading.manifest import file_sha256
from training.errors import PreparationError
from training.prepare.card import SideRecord
from training.prepare.minhash import Hashes
from training.prepare.shingles import normalise
from training.prepare.sides import Side
from training.prepare.spill import Spill
from training.prepare.unions import Ids


def write_sides(
    folder: Path, spill: Spill, rows: Ids, groups: Ids, sides: list[Side]
) -> dict[Side, SideRecord]:
    """Write each row to the file of its side (`train.jsonl` and so on) in `folder`.

    `rows`, `groups` and `sides` have one entry for each row to write. Raises OSError.
    """
    chosen = dict(zip(rows.tolist(), sides, strict=True))
    with ExitStack() as stack:
        files = {
            side: stack.enter_context(
                (folder / f"{side}.jsonl").open("w", encoding="utf-8", newline="\n")
            )
            for side in Side
        }
        for row, line in enumerate(spill.lines()):
            if side := chosen.get(row):
                files[side].write(line + "\n")
    return {side: _record(folder, side, groups, sides) for side in Side}


def check_apart(folder: Path) -> None:
    """Read the files again. Raises PreparationError if a text is in two of them.

    Case, punctuation and space do not count.
    """
    seen = np.empty(0, np.uint64)
    for side in Side:
        here = np.unique(_digests(folder / f"{side}.jsonl"))
        if len(np.intersect1d(seen, here, assume_unique=True)):
            raise PreparationError(f"{folder / side}.jsonl has a text of another side: a defect")
        seen = np.union1d(seen, here)


def _record(folder: Path, side: Side, groups: Ids, sides: list[Side]) -> SideRecord:
    here = np.fromiter((chosen is side for chosen in sides), bool, len(sides))
    return SideRecord(
        rows=int(here.sum()),
        groups=len(np.unique(groups[here])),
        sha256=file_sha256(folder / f"{side}.jsonl"),
    )


def _digests(path: Path) -> Hashes:
    digests = bytearray()
    for text in _texts(path):
        digests += blake2b(normalise(text).encode(), digest_size=8).digest()
    return np.frombuffer(bytes(digests), np.uint64)


def _texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            row = json.loads(line)
            yield from (row["comment"], row["reply"])
            for turn in row.get("before", []):
                if turn["role"] != "system":
                    yield turn["content"]
