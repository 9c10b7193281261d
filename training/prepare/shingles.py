"""Finding texts that are nearly the same: they share most of their runs of four characters.

Texts are compared without what a reader does not see: case, marks, the space between words, and
whether a letter is of the Latin script or of another that looks the same.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

SHINGLE = 4
_ROUNDING = 1e-9
_NOT_WORD = re.compile(r"[\W_]+")


# Letters of other scripts that look like Latin ones, in lower case. Small letters whose capitals
# look like Latin capitals are among them, since case does not count.
_LATIN = {
    "a": "аαɑᴀ", "b": "вβʙь", "c": "сϲᴄ", "d": "ԁᴅ", "e": "еεᴇё", "f": "ғꜰ", "g": "ɡɢց",
    "h": "нηһʜհ", "i": "іιɪıїᎥ", "j": "јᴊ", "k": "кκᴋ", "l": "ӏʟ", "m": "мμᴍ", "n": "ɴո",
    "o": "оοσᴏօ", "p": "рρᴘ", "q": "ԛ", "r": "ʀ", "s": "ѕꜱ", "t": "тτᴛ", "u": "υᴜս",
    "v": "νѵᴠ", "w": "ԝωᴡ", "x": "хχ", "y": "уγʏү", "z": "ζᴢ",
}  # fmt: skip
_LOOKALIKES = str.maketrans({other: letter for letter, all_ in _LATIN.items() for other in all_})
# What shows nothing: soft hyphens, joiners, marks of direction, variation selectors.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]"
)


def normalise(text: str) -> str:
    """The text's letters and digits, in lower case, single spaces between words.

    Letters that look like Latin ones become those, and characters that show nothing go.
    """
    if text.isascii():
        flat = text.casefold()
    else:
        seen = _UNSEEN.sub("", text)
        flat = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
        flat = flat.translate(_LOOKALIKES)
    return _NOT_WORD.sub(" ", flat).strip() or text.strip()


def shingles(flat: str) -> frozenset[str]:
    """All runs of four characters of a normalised text, with a space before and behind it.

    A text of fewer than three characters is one shingle.
    """
    flat = f" {flat} "
    if len(flat) <= SHINGLE:
        return frozenset([flat])
    return frozenset(map("".join, zip(flat, flat[1:], flat[2:], flat[3:], strict=False)))


def near_pairs(sets: Sequence[frozenset[str]], threshold: float) -> list[tuple[int, int]]:
    """All pairs of places (i < j) whose sets have a Jaccard index of `threshold` or more, sorted.

    The threshold is above 0, up to 1. No pair is missed: two sets that reach it share at least one
    of their rarest shingles, so only those are looked up (the prefix filter of Chaudhuri, Ganti
    and Kaushik, 2006).
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
    return sorted(found)


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's index of two sets: the shared shingles over all of both, 0 to 1."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
