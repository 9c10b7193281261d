"""Train both classifiers on the labelled sentences' train side: half a minute to a few minutes.

Logistic regression with a squared penalty, solved to its only optimum, so the same sentences give
the same classifier. The threshold is where precision and recall meet in a cross-validation that
leaves whole families out, so that wording is weighed as it will be: unseen.
The test side is never looked at; the classifier with hidden states only notes its scores there.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from training.evaluate.voice.classifier import Classifier, Label, Linear
from training.evaluate.voice.features import BUCKETS, Features, features, features_with_opening
from training.evaluate.voice.labelled import (
    LabelledSide,
    Sentence,
    held_out,
    held_out_sha256,
    read_sentences,
    train_sha256,
)
from training.evaluate.voice.state_classifier import StateClassifier
from training.evaluate.voice.states import OnRead, ReadsStates

PENALTY = 0.2
STATE_SPREAD = 0.045  # of each state: the penalty on one of spread 1 would be 100
FOLDS = 5
LONG_COUNT = 2  # whole answers are what is judged later, and few of the texts are such
_SEED = 7
_ROUNDS = 200
_SLOPE = 1e-2  # where it stops: scores change by less than 0.01 from there on


@dataclass(frozen=True, slots=True)
class _Weights:
    """What is learned for one label; shapes (BUCKETS,), (states,) and (1,)."""

    words: torch.Tensor
    states: torch.Tensor
    bias: torch.Tensor


@dataclass(frozen=True, slots=True)
class _Inputs:
    """All texts' features as a sparse matrix, and their states of shape (size, states), if any.

    Entry n of the sparse matrix is `values[n]` at `texts[n], buckets[n]`.
    """

    size: int
    texts: torch.Tensor
    buckets: torch.Tensor
    values: torch.Tensor
    states: torch.Tensor

    @classmethod
    def of(cls, found: Sequence[Features], states: NDArray[np.float64] | None = None) -> "_Inputs":
        counts = [len(each.buckets) for each in found]
        return cls(
            len(found),
            torch.from_numpy(np.repeat(np.arange(len(found)), counts)),
            torch.from_numpy(np.concatenate([each.buckets for each in found])),
            torch.from_numpy(np.concatenate([each.values for each in found])),
            torch.from_numpy(np.zeros((len(found), 0)) if states is None else states),
        )

    def scores(self, weights: _Weights) -> torch.Tensor:
        """Log odds of every text."""
        zero = torch.zeros(self.size, dtype=torch.float64)
        words = zero.index_add(0, self.texts, self.values * weights.words[self.buckets])
        return words + self.states @ weights.states + weights.bias


def train_classifier() -> Classifier:
    """The classifier of words from the shipped sentences' train side."""
    given = _train_side()
    fitted = _fit(given, _Inputs.of([features(one.text) for one in given]))
    linears = {
        label: Linear(weights.words.numpy().astype(np.float16), float(weights.bias))
        for label, weights in fitted.items()
    }
    return Classifier(linears, train_sha256(given))


def train_with_states(reader: ReadsStates, on_read: OnRead) -> StateClassifier:
    """The classifier of words and hidden states; `on_read` is told how far the reading is."""
    given = _train_side()
    texts = [one.text for one in (*given, *held_out())]
    read = reader.read(texts, on_read)
    mine, theirs = read[: len(given)], read[len(given) :]
    mean = mine.mean(axis=0, dtype=np.float64)
    spread = mine.std(axis=0, dtype=np.float64) / STATE_SPREAD + 1e-6
    words = [features_with_opening(one.text) for one in given]
    fitted = _fit(given, _Inputs.of(words, (mine - mean) / spread)).values()
    states = np.stack([weights.states.numpy() / spread for weights in fitted])
    found = StateClassifier(
        words=np.stack([weights.words.numpy() for weights in fitted]).astype(np.float16),
        states=states.astype(np.float32),
        bias=np.array([float(weights.bias) for weights in fitted]) - states @ mean,
        held_out_scores=np.zeros((0, len(Label)), dtype=np.float32),
        train_sha256=train_sha256(given),
        held_out_sha256=held_out_sha256(),
    )
    scores = found.scores(texts[len(given) :], theirs)
    return replace(found, held_out_scores=scores.astype(np.float32))


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


def balance_point(
    scores: NDArray[np.float64], wanted: NDArray[np.bool_], counts: NDArray[np.float64]
) -> float:
    """The threshold above which as much is found as is wanted: precision equals recall.

    Each text is counted as often as `counts` says.
    """
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(counts[order])
    last = int(np.searchsorted(found, counts[wanted].sum()))
    return float(scores[order[last : last + 2]].mean())


def _train_side() -> list[Sentence]:
    return [one for one in read_sentences() if one.side is LabelledSide.TRAIN]


def _fit(sentences: Sequence[Sentence], inputs: _Inputs) -> dict[Label, _Weights]:
    """The weights of each label; its threshold is taken off the bias."""
    folds = torch.from_numpy(assign_folds(sentences))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the order of a sum must not depend on the machine's cores
    try:
        return {label: _fit_one(label, sentences, inputs, folds) for label in Label}
    finally:
        torch.set_num_threads(threads)


def _fit_one(
    label: Label, sentences: Sequence[Sentence], inputs: _Inputs, folds: torch.Tensor
) -> _Weights:
    wanted = torch.tensor([float(one.has(label)) for one in sentences], dtype=torch.float64)
    left_out = torch.zeros_like(wanted)
    for fold in range(FOLDS):
        scores = inputs.scores(_solve(inputs, wanted, folds != fold))
        left_out[folds == fold] = scores[folds == fold]
    counts = np.array([float(LONG_COUNT if one.kind == "ramble" else 1) for one in sentences])
    threshold = balance_point(left_out.numpy(), wanted.numpy().astype(bool), counts)
    found = _solve(inputs, wanted, torch.ones_like(folds, dtype=torch.bool))
    return _Weights(found.words, found.states, found.bias - threshold)


def _solve(inputs: _Inputs, wanted: torch.Tensor, used: torch.Tensor) -> _Weights:
    sizes = (BUCKETS, inputs.states.shape[1], 1)
    words, states, bias = (
        torch.zeros(size, dtype=torch.float64, requires_grad=True) for size in sizes
    )
    weights = _Weights(words, states, bias)
    solver = torch.optim.LBFGS(
        [words, states, bias],
        max_iter=_ROUNDS,
        history_size=10,
        tolerance_grad=_SLOPE,
        line_search_fn="strong_wolfe",
    )

    def loss() -> torch.Tensor:
        solver.zero_grad()
        each = binary_cross_entropy_with_logits(inputs.scores(weights), wanted, reduction="none")
        total = each[used].sum() + PENALTY / 2 * (words.square().sum() + states.square().sum())
        total.backward()
        return total

    solver.step(loss)
    return _Weights(words.detach(), states.detach(), bias.detach())
