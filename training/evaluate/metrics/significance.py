"""Whether two variants differ on the same test rows: tests by exchanging answers, and Holm's rule.

Paired randomisation (E. Noreen, Computer-intensive methods for testing hypotheses, 1989; Riezler
and Maxwell, On some pitfalls in automatic evaluation and significance testing for MT, 2005): if two
variants do not differ, it is chance which of them gave which of the two answers to a row. So the
answers of random rows are exchanged, many times, and the p-value is how often the gap is then as
large as the one that was found. That is right for every measure and every number of rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from training.evaluate.metrics.intervals import Array, Score
from training.evaluate.metrics.words import ngrams, words

_Key = TypeVar("_Key")
_TOGETHER = 500  # draws that are computed in one piece, for the memory's sake
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Exchanges:
    """`taken[d, r]`: whether draw d exchanges the answers to row r; shape (draws, rows)."""

    taken: NDArray[np.bool_]

    @classmethod
    def draw(cls, rows: int, draws: int, seed: int) -> "Exchanges":
        """Exchange each row with chance one half, `draws` times; the same seed draws the same."""
        return cls(np.random.default_rng(seed).random((draws, rows)) < 0.5)

    def p_of_score(self, first: Array, second: Array, score: Score) -> float:
        """The two-sided p-value of a score of sums over rows, never 0.

        `first` and `second` are the statistics of two variants, shape (rows, statistics).
        """
        here, there = (each.sum(axis=0, keepdims=True) for each in (first, second))
        found = score(there) - score(here)
        gaps: list[Array] = []
        for start in range(0, len(self.taken), _TOGETHER):
            moved = self.taken[start : start + _TOGETHER].astype(np.float64) @ (second - first)
            gaps.append(score(there - moved) - score(here + moved))
        return _p(float(found[0]), np.concatenate(gaps))

    def p_of_distinct(self, first: Sequence[str], second: Sequence[str], n: int) -> float:
        """The two-sided p-value of distinct-n, over equally many words of both, never 0."""
        here, there = _Grams.of((first, second), n)
        found = _gap(here, there)
        gaps = [_gap(*here.exchanged(there, rows)) for rows in self.taken]
        return _p(found, np.array(gaps))


def holm(p_values: Mapping[_Key, float]) -> dict[_Key, float]:
    """The p-values corrected for their number (S. Holm, Scandinavian Journal of Statistics 1979).

    If everything with a corrected value of at most 5 % is claimed, then the chance that any of the
    claims is false is at most 5 %, however the measures hang together.
    """
    corrected: dict[_Key, float] = {}
    largest = 0.0
    ordered = sorted(p_values, key=lambda key: p_values[key])
    for place, key in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - place) * p_values[key]))
        corrected[key] = largest
    return corrected


def _p(found: float, gaps: Array) -> float:
    as_large = np.count_nonzero(np.abs(gaps) >= abs(found) * (1 - _ROUNDING))
    return (1 + int(as_large)) / (1 + len(gaps))


@dataclass(frozen=True, slots=True)
class _Grams:
    """The n-grams of each row's answer as numbers, shape (rows, longest), and its words.

    `kinds` is how many different n-grams there are in both variants together.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    n: int
    kinds: int

    @classmethod
    def of(cls, variants: Sequence[Sequence[str]], n: int) -> Iterator["_Grams"]:
        said = [[words(text) for text in texts] for texts in variants]
        longest = max(len(tokens) for texts in said for tokens in texts)
        numbers: dict[tuple[str, ...], int] = {}
        tables: list[NDArray[np.int64]] = []
        for texts in said:
            ids = np.zeros((len(texts), longest), dtype=np.int64)
            for row, tokens in enumerate(texts):
                found = [numbers.setdefault(gram, len(numbers)) for gram in ngrams(tokens, n)]
                ids[row, : len(found)] = found
            tables.append(ids)
        for ids, texts in zip(tables, said, strict=True):
            lengths = np.array([len(tokens) for tokens in texts], dtype=np.int64)
            yield cls(ids, lengths, n, len(numbers))

    def exchanged(self, other: "_Grams", rows: NDArray[np.bool_]) -> tuple["_Grams", "_Grams"]:
        """Both with the answers to these rows exchanged."""
        pairs = ((self, other), (other, self))
        first, second = (
            _Grams(
                np.where(rows[:, None], there.ids, here.ids),
                np.where(rows, there.lengths, here.lengths),
                self.n,
                self.kinds,
            )
            for here, there in pairs
        )
        return first, second

    def distinct(self, budget: int) -> float:
        """Different n-grams over all n-grams among the first `budget` words."""
        kept = np.clip(budget - (np.cumsum(self.lengths) - self.lengths), 0, self.lengths)
        counts = np.maximum(kept - self.n + 1, 0)
        seen = np.zeros(self.kinds, dtype=np.bool_)
        seen[self.ids[np.arange(self.ids.shape[1]) < counts[:, None]]] = True
        return np.count_nonzero(seen) / max(int(counts.sum()), 1)


def _gap(first: _Grams, second: _Grams) -> float:
    budget = int(min(first.lengths.sum(), second.lengths.sum()))
    return second.distinct(budget) - first.distinct(budget)
