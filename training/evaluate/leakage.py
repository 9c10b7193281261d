"""Test rows that an adapter was trained on are refused; where nobody can tell, it is said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from data.files.datasets import Pair, read_pairs
from model.loading.manifest import AdapterManifest, file_sha256, read_manifest
from training.errors import EvaluationError
from training.evaluate.metrics.words import words
from training.prepare.card import read_card

# A shorter comment or reply may be the same by chance; a whole pair hardly ever is.
_TELLING_WORDS = 5


def refuse_overlap(test: Sequence[Pair], training: Iterable[Pair], where: Path) -> None:
    """Raise EvaluationError if a test row was trained on.

    `training` are the rows of the training side, read once; `where` names their file in the
    error. A test row was trained on if its pair, or its comment or reply of five words or more,
    is there. Case, punctuation and space do not count.
    """
    wanted = {mark: number for number, pair in enumerate(test, 1) for mark in _marks(pair)}
    found: dict[int, int] = {}
    for row, pair in enumerate(training, 1):
        for mark in _marks(pair):
            if mark in wanted:
                found.setdefault(wanted[mark], row)
    if found:
        number, row = min(found.items())
        raise EvaluationError(
            f"{len(found)} of {len(test)} test rows were trained on (test row {number} is row "
            f"{row} of {where}): their figures would say nothing; prepare the data again"
        )


def unchecked_adapters(
    adapters: Mapping[str, Path], data: Path, test: Sequence[Pair], trained_on: Sequence[Path]
) -> list[str]:
    """A line for each adapter of which nobody can tell whether it has seen test rows.

    An adapter is in order if it was trained on the training side of `data`, or on that of one of
    the prepared folders `trained_on`, if no test row is there. Raises EvaluationError if one is.
    """
    sides = {file_sha256(path): path for path in (folder / "train.jsonl" for folder in trained_on)}
    own, lines = file_sha256(data / "train.jsonl"), list[str]()
    for name, folder in adapters.items():
        manifest = read_manifest(folder)
        hash_ = manifest.config.get("prepared_train_sha256") if manifest else None
        if hash_ == own:
            continue
        if hash_ in sides:
            refuse_overlap(test, read_pairs(sides[hash_]), sides[hash_])
        else:
            lines.append(f"{name}: {_unknown(manifest, hash_, data)}")
    return lines


def _unknown(manifest: AdapterManifest | None, hash_: object, data: Path) -> str:
    if manifest is None or not isinstance(hash_, str):
        return "its manifest does not say what it was trained on, so it may have seen test rows"
    if manifest.data.sha256 in _sources(data):
        return (
            "it was trained on another split of the same file, so it has probably seen test rows; "
            "train it again on this folder"
        )
    return (
        f"it was trained on another prepared folder ({manifest.data.path}, training side "
        f"{hash_[:12]}), which was not looked at; name that folder with --trained-on"
    )


def _marks(pair: Pair) -> Iterator[bytes]:
    comment, reply = words(pair.comment), words(pair.reply)
    yield _digest("pair", [*comment, "\n", *reply])
    if len(comment) >= _TELLING_WORDS:
        yield _digest("comment", comment)
    if len(reply) >= _TELLING_WORDS:
        yield _digest("reply", reply)


def _digest(kind: str, tokens: list[str]) -> bytes:
    return blake2b(f"{kind} {' '.join(tokens)}".encode(), digest_size=16).digest()


def _sources(data: Path) -> set[str]:
    card = read_card(data)
    return {card.source.sha256, *(source.sha256 for source in card.sources)}
