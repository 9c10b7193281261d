"""Own metrics for Hugging Face's `evaluate`, used without the hub and without its cache."""

import tempfile
from collections.abc import Sequence

import datasets
import evaluate


def compute(
    metric: type[evaluate.Metric], predictions: Sequence[str], references: Sequence[str]
) -> dict[str, float]:
    """The metric's figures, one reference a prediction.

    `evaluate.load` would ask the hub, and a metric made without a folder of its own makes one in
    the person's cache.
    """
    with tempfile.TemporaryDirectory() as cache:
        made = metric(keep_in_memory=True, cache_dir=cache, seed=0)
        found = made.compute(predictions=list(predictions), references=list(references))
    if found is None:
        raise RuntimeError("only the main process of several has figures")
    return found


def text_info(description: str, citation: str) -> evaluate.MetricInfo:
    """What a metric over texts says about itself."""
    text = datasets.Value("string")
    return evaluate.MetricInfo(
        description=description,
        citation=citation,
        inputs_description="predictions and references: as many texts as references",
        features=datasets.Features({"predictions": text, "references": text}),
    )
