"""From a file of pairs to a cleaned, deduplicated and divided data set."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random

from data.datasets import Pair, read_pairs
from model.manifest import file_sha256
from training.card import CARD, Card, Dropped, SideRecord, Source, write_card
from training.clean import clean
from training.duplicates import groups, near_pairs, normalise
from training.errors import PreparationError
from training.folders import new_folder
from training.split import Shares, Side, split

_EXAMPLES = 3
_LEAST = 3  # one row a side


@dataclass(frozen=True, slots=True)
class Options:
    """How to prepare. `similarity` is from where on two texts count as nearly the same."""

    seed: int = 0
    shares: Shares = field(default_factory=Shares)
    similarity: float = 0.6


def prepare(source: Path, out: Path, options: Options) -> Card:
    """Write `train.jsonl`, `validation.jsonl`, `test.jsonl` and the card into the folder `out`.

    No text of one side is near a text of another. Raises DatasetError for a source that is not a
    file of pairs, PreparationError when too little is left of it.
    """
    raw = read_pairs(source)
    cleaned = [Pair(clean(pair.comment), clean(pair.reply), pair.topic) for pair in raw]
    pairs, dropped = _drop(cleaned, options.similarity)
    if len(pairs) < _LEAST:
        counts = ", ".join(f"{step.rows} {step.step}" for step in dropped if step.rows)
        raise PreparationError(
            f"{source}: {len(pairs)} of {len(raw)} pairs are left ({counts or 'nothing dropped'}), "
            f"at least {_LEAST} are needed: one each to train, validate and test"
        )
    membership = groups(len(pairs), _linked_rows(pairs, options.similarity))
    sides = split(membership, options.shares, Random(options.seed))  # noqa: S311 - no secret
    try:
        with new_folder(out) as work:
            records = {side: _write(work, side, pairs, membership, sides) for side in Side}
            _check_sides(source, records)
            card = Card(
                source=Source(path=_shown(source), sha256=file_sha256(source), rows=len(raw)),
                seed=options.seed,
                similarity=options.similarity,
                dropped=tuple(dropped),
                sides=records,
            )
            write_card(work, card)
    except OSError as error:
        raise PreparationError(f"{out / CARD} cannot be written: {error.strerror}") from error
    return card


def _drop(pairs: Sequence[Pair], threshold: float) -> tuple[list[Pair], list[Dropped]]:
    full = [pair for pair in pairs if pair.comment and pair.reply]
    empty = [pair for pair in pairs if not (pair.comment and pair.reply)]
    first: dict[tuple[str, str], Pair] = {}
    exact: list[Pair] = []
    for pair in full:
        key = (normalise(pair.comment), normalise(pair.reply))
        if first.setdefault(key, pair) is not pair:
            exact.append(pair)
    unique = list(first.values())
    repeats = _repeats(unique, threshold)
    near = [pair for row, pair in enumerate(unique) if row in repeats]
    kept = [pair for row, pair in enumerate(unique) if row not in repeats]
    return kept, [
        _dropped("empty", "a side says nothing, or only that it was deleted", empty),
        _dropped(
            "exact duplicates", "comment and reply stood before, but for case or marks", exact
        ),
        _dropped("near duplicates", "comment and reply are both near an earlier pair's", near),
    ]


def _repeats(pairs: Sequence[Pair], threshold: float) -> set[int]:
    near_replies = set(near_pairs([pair.reply for pair in pairs], threshold))
    links = (link for link in near_pairs([p.comment for p in pairs], threshold)
             if link in near_replies)  # fmt: skip
    return {row for row, first in enumerate(groups(len(pairs), links)) if row != first}


def _linked_rows(pairs: Sequence[Pair], threshold: float) -> Iterator[tuple[int, int]]:
    # Comments and replies in one pool: a reply must not turn up as a comment elsewhere either.
    texts = list(chain.from_iterable((pair.comment, pair.reply) for pair in pairs))
    return ((one // 2, other // 2) for one, other in near_pairs(texts, threshold))


def _dropped(step: str, why: str, pairs: Sequence[Pair]) -> Dropped:
    examples = tuple((pair.comment or pair.reply)[:80] for pair in pairs[:_EXAMPLES])
    return Dropped(step=step, why=why, rows=len(pairs), examples=examples)


def _write(
    folder: Path,
    side: Side,
    pairs: Sequence[Pair],
    membership: Sequence[int],
    sides: Sequence[Side],
) -> SideRecord:
    rows = [row for row, chosen in enumerate(sides) if chosen is side]
    path = folder / f"{side}.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            pair = pairs[row]
            line = {"comment": pair.comment, "reply": pair.reply}
            if pair.topic is not None:
                line["topic"] = pair.topic
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    count = len({membership[row] for row in rows})
    return SideRecord(rows=len(rows), groups=count, sha256=file_sha256(path))


def _check_sides(source: Path, records: dict[Side, SideRecord]) -> None:
    if not (records[Side.TRAIN].rows and records[Side.VALIDATION].rows):
        raise PreparationError(
            f"{source}: too many pairs are nearly the same to put some aside for validation"
        )


def _shown(source: Path) -> str:
    """The path as the card shows it: within the working folder, or the name alone."""
    try:
        return source.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return source.name
