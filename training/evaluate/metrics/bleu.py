"""BLEU with sacrebleu's tokens and smoothing, as an `evaluate` metric and row by row."""

from collections.abc import Sequence

import evaluate
import numpy as np
from sacrebleu.metrics.bleu import BLEU

from training.evaluate.metrics.intervals import (
    Array,
    jackknife_error,
    student_95,
    whole,
    without_each,
)
from training.evaluate.metrics.library import text_info
from training.evaluate.metrics.words import bleu_tokenizer

_ORDER = 4
# In simulations intervals cover the population's value from so many rows with a match on.
_MATCHING_ROWS = 5
_DESCRIPTION = "Corpus BLEU as sacrebleu counts it, 0 to 100"
_CITATION = "K. Papineni et al., BLEU, ACL 2002; M. Post, A call for clarity, WMT 2018"


class CorpusBleu(evaluate.Metric):
    """`compute(predictions=[...], references=[...])` gives `{"bleu": 0 to 100}`.

    Use it through `training.evaluate.metrics.library.compute`.
    """

    def _info(self) -> evaluate.MetricInfo:
        return text_info(_DESCRIPTION, _CITATION)

    def _compute(  # pyright: ignore[reportIncompatibleMethodOverride] - the base class takes anything
        self, predictions: Sequence[str], references: Sequence[str]
    ) -> dict[str, float]:
        return {"bleu": whole(bleu_statistics(predictions, references), bleu_score)}


def tokenized(texts: Sequence[str], tokenizer: str) -> list[list[str]]:
    """The tokens of each text as sacrebleu's tokenizer of this name cuts it."""
    cut = BLEU(tokenize=tokenizer).tokenizer
    return [cut(text.rstrip()).split() for text in texts]


def bleu_statistics(predictions: Sequence[str], references: Sequence[str]) -> Array:
    """What BLEU needs of each row, shape (rows, 10).

    Four counts of n-grams (1 to 4 words) that match, four counts of all n-grams of the prediction,
    the length of the prediction and that of the reference. sacrebleu's tokenizer is the one that
    fits the language of the references.
    """
    scorer = BLEU(effective_order=True, tokenize=bleu_tokenizer(references))
    found = [
        scorer.sentence_score(said, [wanted])
        for said, wanted in zip(predictions, references, strict=True)
    ]
    return np.array(
        [[*score.counts, *score.totals, score.sys_len, score.ref_len] for score in found],
        dtype=np.float64,
    )


def bleu_score(sums: Array) -> Array:
    """Corpus BLEU, 0 to 100, from sums of `bleu_statistics` of shape (draws, 10).

    sacrebleu's default, exponential smoothing: the k-th order without a match counts as 1 / 2^k
    matches (Chen and Cherry 2014, method 3).
    """
    counts, totals = sums[:, :_ORDER], sums[:, _ORDER : 2 * _ORDER]
    said, wanted = sums[:, -2], sums[:, -1]
    nth_zero = np.cumsum(counts == 0, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        smoothed = np.where(counts == 0, 1 / 2.0**nth_zero, counts) / totals
        brevity = np.where(said < wanted, np.exp(1 - wanted / said), 1.0)
        scores = 100 * brevity * np.exp(np.log(smoothed).mean(axis=1))
    # Too short for 4-grams, or no common word: sacrebleu gives 0, too.
    return np.where((totals.min(axis=1) > 0) & (counts[:, 0] > 0), scores, 0.0)


def bleu_interval(statistics: Array) -> tuple[float, float] | None:
    """The 95 % interval of the corpus BLEU of the population that the rows come from.

    From the jackknife of its logarithm. None if fewer than five rows share four words in a row
    with their reference: BLEU is then mostly smoothing, and no interval would cover.
    """
    if _matching_rows(statistics) < _MATCHING_ROWS:
        return None
    error = jackknife_error(np.log(without_each(statistics, bleu_score)))
    factor = float(np.exp(student_95(len(statistics) - 1) * error))
    value = whole(statistics, bleu_score)
    return value / factor, value * factor


def bleu_gap_interval(first: Array, second: Array) -> tuple[float, float] | None:
    """The 95 % interval of the second variant's corpus BLEU minus the first's, on the same rows.

    None where either variant's own would be.
    """
    if min(_matching_rows(first), _matching_rows(second)) < _MATCHING_ROWS:
        return None
    without = without_each(second, bleu_score) - without_each(first, bleu_score)
    half = student_95(len(first) - 1) * jackknife_error(without)
    gap = whole(second, bleu_score) - whole(first, bleu_score)
    return gap - half, gap + half


def _matching_rows(statistics: Array) -> int:
    return int(np.count_nonzero(statistics[:, _ORDER - 1]))
