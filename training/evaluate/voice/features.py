"""What the classifier sees of a text: n-grams of words, of letters and of word classes.

A text is cut into sentences and tokens in the same way for training and use.

Every feature is hashed to one of `BUCKETS` weights (K. Weinberger et al., Feature hashing for
large scale multitask learning, ICML 2009). Each block of features has length one, whatever the
text's length, so a long answer weighs no more than a short one.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BUCKETS = 2**17
OPENING_SHARE = 1 / 3  # of what is known of a text
START = "<s>"  # stands before every sentence
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
_SENTENCE = re.compile(r".+?(?:[.!?]+(?=\s|$)|$)")
_END = re.compile(r"(?<=[.!?])[\"')\]”’]*(?=\s)|(?=\n)")
_OPENING_WORDS = 5
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|_")
Codes = NDArray[np.uint64]
_CLASSES = Path(__file__).parent / "word_classes.txt"
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # an odd number without pattern: 2^64 / golden ratio
_LENGTHS = (3, 6, 10, 15, 25, 40)  # in tokens
_LETTERS = (3, 4, 5)
_NEAR = (2, 3, 4)  # how far apart two classes of a pair may stand, besides neighbours


def flat(text: str) -> str:
    """The text in lower case on one line, with straight quotes and single spaces."""
    return " ".join(text.translate(_STRAIGHT).casefold().split())


def sentences(text: str) -> list[list[str]]:
    """The tokens of each sentence: words (with their apostrophes), numbers and single signs."""
    found = (_TOKEN.findall(sentence) for sentence in _SENTENCE.findall(flat(text)))
    return [tokens for tokens in found if tokens]


def tokens(text: str) -> list[str]:
    """All tokens in their order, with START before each sentence."""
    return [token for sentence in sentences(text) for token in (START, *sentence)]


def opening(text: str) -> str:
    """The text up to the end of its first sentence, or of a later one until it has five words.

    A long answer mostly says in its opening what it has to say.
    """
    for end in _END.finditer(text):
        if len(text[: end.end()].split()) >= _OPENING_WORDS:
            return text[: end.end()]
    return text


@dataclass(frozen=True, slots=True)
class Features:
    """The buckets that a text fills, and how much of each; shapes (n,)."""

    buckets: NDArray[np.int64]
    values: NDArray[np.float64]


@cache
def word_classes() -> dict[str, str]:
    """The class of every word that has one, from `word_classes.txt`: `name: word word …`."""
    found: dict[str, str] = {}
    name = ""
    for line in _CLASSES.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            name, _, line = line.partition(":")
        found |= dict.fromkeys(line.split(), name)
    return found


def features(text: str) -> Features:
    """The text's features; the same text always has the same ones."""
    found = tokens(text)
    words = np.array([_code(token) for token in found], dtype=np.uint64)
    kinds = np.array([_code(_kind(token)) for token in found], dtype=np.uint64)
    known = kinds[kinds != _code("other")]
    blocks = (
        [_gram(1, words), _gram(2, words[:-1], words[1:])],
        [_gram(3, np.concatenate([_letters(token) for token in found] or [words]))],
        [
            _gram(4, kinds),
            _gram(5, kinds[:-1], kinds[1:]),
            _gram(6, kinds[:-2], kinds[1:-1], kinds[2:]),
            _gram(7, known[:-2], known[1:-1], known[2:]),
            *(_gram(8, known[:-gap], known[gap:]) for gap in _NEAR),
            _gram(9, _shape(text)),
        ],
        [
            _gram(10, words[:-1], kinds[1:]),
            _gram(11, kinds[:-1], words[1:]),
            _gram(12, words[:-2], words[1:-1], kinds[2:]),
        ],
    )
    filled = [np.unique(np.concatenate(block)) for block in blocks]
    values = [np.full(len(block), 1 / np.sqrt(max(len(block), 1))) for block in filled]
    return Features(np.concatenate(filled).astype(np.int64), np.concatenate(values))


def features_with_opening(text: str) -> Features:
    """The text's features with those of its opening, which have a share of OPENING_SHARE."""
    whole, first = features(text), features(opening(text))
    return Features(
        np.concatenate([whole.buckets, first.buckets]),
        np.concatenate([(1 - OPENING_SHARE) * whole.values, OPENING_SHARE * first.values]),
    )


@lru_cache(maxsize=100_000)
def _code(name: str) -> int:
    return crc32(name.encode("utf-8", "surrogatepass"))


def _kind(token: str) -> str:
    if token.isdigit():
        return "digits"
    if not token[0].isalnum():
        return token
    return word_classes().get(token, "other")


@lru_cache(maxsize=100_000)
def _letters(token: str) -> Codes:
    marked = token if token == START else f" {token} "
    grams = {marked[at : at + n] for n in _LETTERS for at in range(len(marked) - n + 1)}
    return np.array(sorted(_code(gram) for gram in grams), dtype=np.uint64)


def _shape(text: str) -> Codes:
    """Length, number of sentences, and whether it opens with a few words or ends in a question."""
    cut = sentences(text)
    length = sum(map(len, cut))
    names = [f"at least {least} tokens" for least in _LENGTHS if length >= least]
    names.append(f"{min(len(cut), 4)} sentences")
    names += ["ends in a question"] * (bool(cut) and cut[-1][-1] == "?")
    names += ["asks"] * any(sentence[-1] == "?" for sentence in cut)
    names += ["opens briefly"] * (bool(cut) and len(cut[0]) <= 5)
    return np.array([_code(name) for name in names], dtype=np.uint64)


def _gram(block: int, *columns: Codes) -> Codes:
    """One bucket for each row of the columns; the block's number keeps the blocks apart."""
    size = min(map(len, columns))
    mixed = np.full(size, block, dtype=np.uint64)
    for column in columns:
        mixed = (mixed ^ column[:size]) * _SPREAD
        mixed ^= mixed >> np.uint64(29)
    return mixed % np.uint64(BUCKETS)
