"""The seed's pairs: 240 to learn from, the others held out, divided anew for every seed."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from data.files.datasets import Pair
from model.loading.manifest import file_sha256
from training.artifacts.folders import new_folder
from training.errors import PreparationError
from training.prepare.card import Card, SideRecord, Source, write_card
from training.prepare.clean import clean
from training.prepare.shingles import normalise
from training.prepare.sides import Side
from training.sources.csv_file import read_csv
from training.sources.pairs import Columns
from training.sources.row import SourceRow

TRAINED = 240
_LEAST_HELD_OUT = 5


def read_seed(path: Path) -> list[Pair]:
    """The pairs of a CSV file, cleaned of escapes and the like; no row is dropped but empty ones.

    Raises DatasetError.
    """
    found = (row for row in read_csv(path, Columns(), lenient=True) if isinstance(row, SourceRow))
    pairs = [Pair(clean(row.comment), clean(row.reply)) for row in found]
    return [pair for pair in pairs if pair.comment and pair.reply]


def divide(pairs: Sequence[Pair], seed: int) -> tuple[list[Pair], list[Pair]]:
    """TRAINED pairs to learn from, shuffled, and the held-out ones.

    None of the held-out ones has a text that stands in another pair. Raises PreparationError.
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
    """A prepared folder of these rows; the held-out ones are its validation and test sides."""
    sides = {Side.TRAIN: train, Side.VALIDATION: held_out, Side.TEST: held_out}
    with new_folder(folder) as work:
        records = {side: _write(work / f"{side}.jsonl", rows) for side, rows in sides.items()}
        rows = len(train) + len(held_out)
        origin = Source(path=source.name, format="csv", sha256=file_sha256(source), rows=rows)
        write_card(work, Card(sources=(origin,), seed=0, similarity=1.0, dropped=(), sides=records))


def _write(path: Path, pairs: Iterable[Pair]) -> SideRecord:
    lines = [{"comment": pair.comment, "reply": pair.reply} for pair in pairs]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8", newline="\n")
    return SideRecord(rows=len(lines), groups=len(lines), sha256=file_sha256(path))
