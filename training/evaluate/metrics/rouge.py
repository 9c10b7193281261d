"""ROUGE with precision, recall and F1, as an `evaluate` metric and row by row."""

from collections.abc import Sequence

import evaluate
import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from training.evaluate.metrics.intervals import Array
from training.evaluate.metrics.library import text_info
from training.evaluate.metrics.words import RougeWords

KINDS = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L", "rougeLsum": "ROUGE-Lsum"}
PARTS = ("precision", "recall", "f1")
_DESCRIPTION = "ROUGE as rouge_score counts it, without stemming, the mean over rows, 0 to 1"
_CITATION = "C.-Y. Lin, ROUGE: a package for automatic evaluation of summaries, 2004"


class Rouge(evaluate.Metric):
    """`compute(...)` gives precision, recall and F1 of each kind: `{"rouge1_precision": …}`.

    Use it through `training.evaluate.metrics.library.compute`.
    """

    def _info(self) -> evaluate.MetricInfo:
        return text_info(_DESCRIPTION, _CITATION)

    def _compute(  # pyright: ignore[reportIncompatibleMethodOverride] - the base class takes anything
        self, predictions: Sequence[str], references: Sequence[str]
    ) -> dict[str, float]:
        rows = rouge_rows(predictions, references)
        return {name: float(values.mean()) for name, values in rows.items()}


def rouge_rows(predictions: Sequence[str], references: Sequence[str]) -> dict[str, Array]:
    """For each measure (`rouge1_precision` and so on) the values of all rows, shape (rows,).

    For ROUGE-Lsum each line counts as a sentence, as in the metric of `evaluate`.
    """
    scorer = RougeScorer(list(KINDS), tokenizer=RougeWords())
    found = [
        scorer.score(wanted, said) for said, wanted in zip(predictions, references, strict=True)
    ]
    return {
        f"{kind}_{part}": np.array([row[kind][place] for row in found], dtype=np.float64)
        for kind in KINDS
        for place, part in enumerate(PARTS)
    }
