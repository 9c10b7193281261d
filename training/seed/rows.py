"""The seed's pairs, divided for each random seed: 240 to train on, the others held out."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from data.files.datasets import Pair
from data.files.output_folder import output_folder
from model.loading.manifest import file_sha256
from training.errors import PreparationError
from training.prepare.card import Card, SideRecord, Source, write_card
from training.prepare.cleaning.clean import clean
from training.prepare.provenance import permitted, provenance_of
from training.prepare.shingles import normalise
from training.prepare.sides import Side
from training.sources.csv_file import read_csv
from training.sources.pairs import Columns
from training.sources.row import SourceRow

KIND = "python -m training seed-table"
TRAINED = 240
_LEAST_HELD_OUT = 5


def read_seed(path: Path) -> list[Pair]:
    """The pairs of a CSV file, cleaned of escapes and the like; only empty rows are dropped.

    Raises DatasetError when the file cannot be read, PreparationError for Discord content.
    """
    permitted(path, provenance_of(path, None, path.parent), None, None)
    found = (row for row in read_csv(path, Columns(), lenient=True) if isinstance(row, SourceRow))
    pairs = [Pair(clean(row.comment), clean(row.reply)) for row in found]
    return [pair for pair in pairs if pair.comment and pair.reply]


def divide(pairs: Sequence[Pair], seed: int) -> tuple[list[Pair], list[Pair]]:
    """TRAINED shuffled pairs to train on, and the held-out pairs.

    No text of a held-out pair occurs in any other pair. Raises PreparationError when fewer than
    five pairs can be held out.
    """
    texts = Counter(normalise(text) for pair in pairs for text in {pair.comment, pair.reply})
    order = list(pairs)
    Random(seed).shuffle(order)  # noqa: S311 - no secret
    alone = [p for p in order if texts[normalise(p.comment)] == texts[normalise(p.reply)] == 1]
    held_out = alone[: len(pairs) - TRAINED]
    if len(held_out) < _LEAST_HELD_OUT:
        raise PreparationError(
            f"{len(pairs)} pairs leave {max(0, len(held_out))} to hold out beside {TRAINED}, at "
            f"least {_LEAST_HELD_OUT} are needed"
        )
    kept = {id(pair) for pair in held_out}
    return [pair for pair in order if id(pair) not in kept][:TRAINED], held_out


def write_rows(folder: Path, source: Path, train: Sequence[Pair], held_out: Sequence[Pair]) -> None:
    """Write a prepared folder; both its validation and its test side are the held-out pairs."""
    sides = {Side.TRAIN: train, Side.VALIDATION: held_out, Side.TEST: held_out}
    with output_folder(folder, KIND) as work:
        records = {side: _write(work / f"{side}.jsonl", rows) for side, rows in sides.items()}
        rows = len(train) + len(held_out)
        origin = Source(path=source.name, format="csv", sha256=file_sha256(source), rows=rows)
        write_card(work, Card(sources=(origin,), seed=0, similarity=1.0, dropped=(), sides=records))


def _write(path: Path, pairs: Iterable[Pair]) -> SideRecord:
    lines = [{"comment": pair.comment, "reply": pair.reply} for pair in pairs]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8", newline="\n")
    return SideRecord(rows=len(lines), groups=len(lines), sha256=file_sha256(path))
