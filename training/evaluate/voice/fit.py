"""Train the classifier on the labelled sentences' train side: seconds on one core.

Logistic regression with a squared penalty, solved to its only optimum, so the same sentences give
the same classifier. The threshold is where precision and recall meet in a cross-validation that
leaves whole families out, so that wording is weighed as it will be: unseen.
The test side is never looked at.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from training.evaluate.voice.classifier import Classifier, Label, Linear
from training.evaluate.voice.features import BUCKETS, features
from training.evaluate.voice.labelled import LabelledSide, Sentence, read_sentences, train_sha256

PENALTY = 0.2
FOLDS = 5
_SEED = 7
_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class _Matrix:
    """All texts' features as a sparse matrix: entry n is `values[n]` at `texts[n], buckets[n]`."""

    size: int
    texts: torch.Tensor
    buckets: torch.Tensor
    values: torch.Tensor

    @classmethod
    def of(cls, texts: Sequence[str]) -> "_Matrix":
        found = [features(text) for text in texts]
        counts = [len(each.buckets) for each in found]
        return cls(
            len(texts),
            torch.from_numpy(np.repeat(np.arange(len(texts)), counts)),
            torch.from_numpy(np.concatenate([each.buckets for each in found])),
            torch.from_numpy(np.concatenate([each.values for each in found])),
        )

    def scores(self, weights: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Log odds of every text."""
        zero = torch.zeros(self.size, dtype=torch.float64)
        return zero.index_add(0, self.texts, self.values * weights[self.buckets]) + bias


def train_classifier() -> Classifier:
    """The classifier from the shipped sentences' train side."""
    given = [one for one in read_sentences() if one.side is LabelledSide.TRAIN]
    matrix = _Matrix.of([one.text for one in given])
    folds = torch.from_numpy(assign_folds(given))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the order of a sum must not depend on the machine's cores
    try:
        linears = {label: _fit(label, given, matrix, folds) for label in Label}
    finally:
        torch.set_num_threads(threads)
    return Classifier(linears, train_sha256(given))


def assign_folds(sentences: Sequence[Sentence]) -> NDArray[np.int64]:
    """A fold for each sentence, the same for a whole family; each fold gets its share of labels.

    Sentences of the kind `mixed` are of many wordings and are dealt out one by one.
    """
    rng = random.Random(_SEED)  # noqa: S311 - a shuffle, no secret
    names = [
        f"{one.family} {number}" if one.kind == "mixed" else one.family
        for number, one in enumerate(sentences)
    ]
    groups: dict[tuple[bool, bool], set[str]] = {}
    for name, one in zip(names, sentences, strict=True):
        groups.setdefault((one.disclaimer, one.position), set()).add(name)
    fold_of: dict[str, int] = {}
    for _, families in sorted(groups.items()):
        dealt = sorted(families)
        rng.shuffle(dealt)
        for number, name in enumerate(dealt):
            fold_of.setdefault(name, number % FOLDS)
    return np.array([fold_of[name] for name in names])


def balance_point(scores: NDArray[np.float64], wanted: NDArray[np.bool_]) -> float:
    """The threshold above which as many are found as are wanted: precision equals recall."""
    ordered = np.sort(scores)[::-1]
    count = int(wanted.sum())
    return float(ordered[count - 1 : count + 1].mean())


def _fit(
    label: Label, sentences: Sequence[Sentence], matrix: _Matrix, folds: torch.Tensor
) -> Linear:
    wanted = torch.tensor([float(one.has(label)) for one in sentences], dtype=torch.float64)
    left_out = torch.zeros_like(wanted)
    for fold in range(FOLDS):
        weights, bias = _solve(matrix, wanted, folds != fold)
        left_out[folds == fold] = matrix.scores(weights, bias)[folds == fold]
    threshold = balance_point(left_out.numpy(), wanted.numpy().astype(bool))
    weights, bias = _solve(matrix, wanted, torch.ones_like(folds, dtype=torch.bool))
    return Linear(weights.numpy().astype(np.float16), float(bias) - threshold)


def _solve(
    matrix: _Matrix, wanted: torch.Tensor, used: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    weights = torch.zeros(BUCKETS, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weights, bias],
        max_iter=_ROUNDS,
        history_size=10,
        tolerance_grad=1e-4,
        line_search_fn="strong_wolfe",
    )

    def loss() -> torch.Tensor:
        solver.zero_grad()
        each = binary_cross_entropy_with_logits(
            matrix.scores(weights, bias), wanted, reduction="none"
        )
        total = each[used].sum() + PENALTY / 2 * weights.square().sum()
        total.backward()
        return total

    solver.step(loss)
    return weights.detach(), bias.detach()
