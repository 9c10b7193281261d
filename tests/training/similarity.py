"""How near two texts are, compared one by one: what the search over many texts must agree with."""

from training.prepare.shingles import jaccard, normalise, shingles


def shingles_of(text: str) -> frozenset[str]:
    return shingles(normalise(text))


def similarity(one: str, other: str) -> float:
    return jaccard(shingles_of(one), shingles_of(other))
