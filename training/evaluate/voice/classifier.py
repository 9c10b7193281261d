"""The trained classifier: one weight for each feature and label, shipped beside this module."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from training.evaluate.voice.features import BUCKETS, features

WEIGHTS = Path(__file__).parent / "classifier.safetensors"
_REMEMBERED = 10_000


class Label(StrEnum):
    """What can be said of an answer; `training.evaluate.voice.labelled` defines both."""

    DISCLAIMER = "disclaimer"
    POSITION = "position"


@dataclass(frozen=True, slots=True)
class Linear:
    """Logistic regression for one label: weights of shape (BUCKETS,), and what is added."""

    weights: NDArray[np.float16]
    bias: float

    def score(self, text: str) -> float:
        """The log odds that the label holds, shifted so that 0 is where the decision changes."""
        found = features(text)
        return float(self.weights[found.buckets].astype(np.float64) @ found.values) + self.bias


class Classifier:
    """Both labels' regressions; remembers its last answers, as every measure asks again."""

    def __init__(self, linears: Mapping[Label, Linear], train_sha256: str) -> None:
        self.linears = dict(linears)
        self.train_sha256 = train_sha256
        self._known: dict[tuple[Label, str], bool] = {}

    def has(self, label: Label, text: str) -> bool:
        """Whether the label holds for this text; never for one without a word."""
        key = (label, text)
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = bool(text.strip()) and self.linears[label].score(text) > 0
        return self._known[key]

    def save(self, path: Path) -> None:
        """Write weights, biases and the hash of the sentences that they were trained on."""
        tensors = {
            "weights": np.stack([self.linears[label].weights for label in Label]),
            "bias": np.array([self.linears[label].bias for label in Label]),
        }
        save_file(tensors, path, metadata={"train_sha256": self.train_sha256})


def load(path: Path) -> Classifier:
    """Read what `Classifier.save` wrote; ValueError when the shape is another."""
    with safe_open(path, framework="numpy") as file:
        weights, bias = file.get_tensor("weights"), file.get_tensor("bias")
        sha256 = file.metadata()["train_sha256"]
    if weights.shape != (len(Label), BUCKETS):
        raise ValueError(f"{path.name} holds weights of shape {weights.shape}")
    linears = {label: Linear(weights[at], float(bias[at])) for at, label in enumerate(Label)}
    return Classifier(linears, sha256)


@cache
def shipped() -> Classifier:
    """The classifier that comes with this package, read once."""
    return load(WEIGHTS)
