"""Which texts are near each other: every pair among few texts, nearly every one among many."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.prepare.containment import Fingerprints, contains
from training.prepare.minhash import Signatures, plan
from training.prepare.shingles import jaccard, near_pairs, shingles
from training.prepare.spill import Spill
from training.prepare.unions import Ids, Unions

EXACT_UP_TO = 300_000
_LOOK_BACK = 1_000
_REMEMBERED = 500_000


@dataclass(frozen=True, slots=True)
class Nearness:
    """When two texts are near, and how near pairs are searched.

    Two texts are near if Jaccard's index of their shingles is `similarity` or more, or if one
    contains the other. Up to `exact_up_to` characters in all texts together, every pair is found;
    beyond that MinHash finds at least 99 of 100.
    """

    similarity: float = 0.6
    exact_up_to: int = EXACT_UP_TO

    def is_exact(self, spill: Spill) -> bool:
        """Whether every near pair of these texts is found."""
        return spill.chars <= self.exact_up_to


def clusters(spill: Spill, nearness: Nearness, scratch: Path) -> Ids:
    """The cluster of each text, named by the smallest number in it.

    Texts that are near each other share a cluster, also over texts between them. `scratch` is a
    folder for files that are larger than memory.
    """
    unions = Unions(spill.texts)
    _join_similar(unions, spill, nearness, scratch)
    _join_contained(unions, spill, nearness, scratch)
    return unions.leaders()


def _join_similar(unions: Unions, spill: Spill, nearness: Nearness, scratch: Path) -> None:
    if nearness.is_exact(spill):
        sets = [shingles(flat) for flat in spill.flats()]
        for one, other in near_pairs(sets, nearness.similarity):
            unions.join(one, other)
        return
    with (
        tempfile.TemporaryFile(dir=scratch) as bands,
        tempfile.TemporaryFile(dir=scratch) as sketches,
    ):
        signatures = Signatures(bands, sketches, plan(nearness.similarity))
        signatures.write(spill.flats())
        _join(
            unions,
            signatures.candidates(nearness.similarity),
            lambda one, other: _are_near(spill, one, other, nearness),
        )


def _join_contained(unions: Unions, spill: Spill, nearness: Nearness, scratch: Path) -> None:
    with (
        tempfile.TemporaryFile(dir=scratch) as prints,
        tempfile.TemporaryFile(dir=scratch) as chosen,
    ):
        found = Fingerprints(prints, chosen, every=nearness.is_exact(spill))
        found.write(spill.flats())
        _join(
            unions,
            found.candidates(),
            lambda shorter, longer: contains(spill.flat(longer), spill.flat(shorter)),
        )


def _join(
    unions: Unions,
    candidates: Iterable[tuple[int, int]],
    are_near: Callable[[int, int], bool],
) -> None:
    """Join those pairs of texts that are near."""
    far: set[tuple[int, int]] = set()  # candidates that were not near, and may come again
    for pair in candidates:
        if pair in far or unions.find(pair[0]) == unions.find(pair[1]):
            continue
        if are_near(*pair):
            unions.join(*pair)
        else:
            far.add(pair)
        if len(far) > _REMEMBERED:
            far.clear()


def repeats(spill: Spill, cluster: Ids, nearness: Nearness) -> list[int]:
    """The rows whose comment and reply are both near those of one earlier row, sorted."""
    comments, replies, _ = spill.columns()
    found: list[int] = []
    for bucket in _buckets(comments, replies, cluster):
        for place, row in enumerate(bucket):
            earlier = bucket[max(0, place - _LOOK_BACK) : place]
            if any(
                _are_near(spill, comments[row], comments[other], nearness)
                and _are_near(spill, replies[row], replies[other], nearness)
                for other in earlier
            ):
                found.append(row)
    return sorted(found)


def _buckets(comments: Ids, replies: Ids, cluster: Ids) -> list[list[int]]:
    """Lists of two or more rows whose comments share a cluster, and whose replies do too."""
    one, other = cluster[comments], cluster[replies]
    order = np.lexsort((other, one))
    same = (np.diff(one[order]) == 0) & (np.diff(other[order]) == 0)
    starts = np.flatnonzero(~np.concatenate([[False], same]))
    parts = np.split(order, starts[1:])
    return [sorted(part.tolist()) for part in parts if len(part) > 1]


def _are_near(spill: Spill, one: int, other: int, nearness: Nearness) -> bool:
    if one == other:
        return True
    sets = (shingles(spill.flat(int(text))) for text in (one, other))
    return jaccard(*sets) >= nearness.similarity
