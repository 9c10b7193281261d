"""Finding texts that are the same, or nearly, by the shingles they share."""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

SHINGLE = 4
_ROUNDING = 1e-9
_NOT_WORD = re.compile(r"[\W_]+")


def normalise(text: str) -> str:
    """The text's letters and digits, in lower case, single spaces between words."""
    flat = unicodedata.normalize("NFKC", text).casefold()
    return _NOT_WORD.sub(" ", flat).strip() or text.strip()


def shingles(text: str) -> frozenset[str]:
    """All runs of four characters of the normalised text, word borders included."""
    return shingles_of(normalise(text))


def shingles_of(flat: str) -> frozenset[str]:
    """The same of a text that is normalised already."""
    flat = f" {flat} "
    if len(flat) <= SHINGLE:
        return frozenset([flat])
    return frozenset(map("".join, zip(flat, flat[1:], flat[2:], flat[3:], strict=False)))


def similarity(one: str, other: str) -> float:
    """Jaccard's index of the two texts' shingles: 1 for the same text, 0 for nothing shared."""
    return jaccard(shingles(one), shingles(other))


def near_pairs(texts: Sequence[str], threshold: float) -> Iterator[tuple[int, int]]:
    """All index pairs (i < j) whose similarity reaches the threshold, above 0, sorted."""
    return near_sets([shingles(text) for text in texts], threshold)


def near_sets(sets: Sequence[frozenset[str]], threshold: float) -> Iterator[tuple[int, int]]:
    """The same for texts given as their shingles.

    Exact: two sets that reach it share one of their rarest shingles, as many as could all be
    missing from the other (the prefix filter of Chaudhuri, Ganti and Kaushik, 2006).
    """
    commonness = Counter(shingle for each in sets for shingle in each)
    holders: defaultdict[str, list[int]] = defaultdict(list)
    found: list[tuple[int, int]] = []
    for j, each in enumerate(sets):
        rarest = sorted(each, key=lambda shingle: (commonness[shingle], shingle))
        prefix = rarest[: len(each) - math.ceil(threshold * len(each) - _ROUNDING) + 1]
        candidates = {i for shingle in prefix for i in holders[shingle]}
        found += (
            (i, j)
            for i in candidates
            if threshold - _ROUNDING <= len(sets[i]) / len(each) <= 1 / threshold + _ROUNDING
            and jaccard(sets[i], each) >= threshold
        )
        for shingle in prefix:
            holders[shingle].append(j)
    return iter(sorted(found))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Of two sets, how much of all they have is in both."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
