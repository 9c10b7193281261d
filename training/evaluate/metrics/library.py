"""Metrics of our own for Hugging Face's `evaluate`, without the hub and without its cache."""

import tempfile
from collections.abc import Sequence

import datasets
import evaluate


def compute(
    metric: type[evaluate.Metric], predictions: Sequence[str], references: Sequence[str]
) -> dict[str, float]:
    """The figures of a metric, by name, with one reference for each prediction.

    The metric is made here, since `evaluate.load` would ask the hub, and in a temporary folder,
    since it would otherwise write into the user's cache. Raises ValueError if the numbers of
    predictions and references differ.
    """
    with tempfile.TemporaryDirectory() as cache:
        made = metric(keep_in_memory=True, cache_dir=cache, seed=0)
        found = made.compute(predictions=list(predictions), references=list(references))
    if found is None:
        raise RuntimeError("only the main process of several has figures")
    return found


def text_info(description: str, citation: str) -> evaluate.MetricInfo:
    """The description of a metric that compares texts with texts."""
    text = datasets.Value("string")
    return evaluate.MetricInfo(
        description=description,
        citation=citation,
        inputs_description="predictions and references: as many texts as references",
        features=datasets.Features({"predictions": text, "references": text}),
    )
