"""BLEU with sacrebleu's tokens and smoothing, as an `evaluate` metric and row by row."""

from collections.abc import Sequence

import evaluate
import numpy as np
from sacrebleu.metrics.bleu import BLEU

from training.evaluate.metrics.intervals import Array, whole
from training.evaluate.metrics.library import text_info

_ORDER = 4
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


def bleu_statistics(predictions: Sequence[str], references: Sequence[str]) -> Array:
    """What BLEU needs of each row, shape (rows, 10).

    Four counts of n-grams (1 to 4 words) that match, four counts of all n-grams of the prediction,
    the length of the prediction and that of the reference.
    """
    scorer = BLEU(effective_order=True)
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
