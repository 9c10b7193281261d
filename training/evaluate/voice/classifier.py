"""The trained classifier: one weight for each feature and label, shipped beside this module."""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from data.errors import OutputRefused
from data.files.new_file import sync
from training.evaluate.voice.features import BUCKETS, features

WEIGHTS = Path(__file__).parent / "classifier.safetensors"
_REMEMBERED = 10_000
Tensor = NDArray[Any]


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
        """Write weights, biases and the hash of the sentences that they were trained on.

        A classifier's file is replaced as a whole. Raises OutputRefused as `check_weights` does.
        """
        check_weights(path, load)
        tensors = {
            "weights": np.stack([self.linears[label].weights for label in Label]),
            "bias": np.array([self.linears[label].bias for label in Label]),
        }
        write_weights(path, tensors, {"train_sha256": self.train_sha256})


class Trained(Protocol):
    """Something that was trained on labelled sentences."""

    @property
    def train_sha256(self) -> str:
        """The hash of those sentences."""
        ...


def write_weights(path: Path, tensors: Mapping[str, Tensor], hashes: Mapping[str, str]) -> None:
    """Write or replace a file of weights as a whole. Raises OSError."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fungpt-") as work:
        draft = Path(work) / path.name
        save_file(dict(tensors), draft, metadata=dict(hashes))
        draft.chmod(0o644)  # the library lets only this user read it
        sync(draft)
        draft.replace(path)


def check_weights(path: Path, read: Callable[[Path], Trained]) -> None:
    """Raise OutputRefused if anything is there but a classifier that `read` can read."""
    if not os.path.lexists(path):
        return
    try:
        is_own = not path.is_symlink() and bool(read(path).train_sha256)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        is_own = False
    if not is_own:
        raise OutputRefused(
            f"{path} exists and is not what `python -m training voice` wrote: name another file"
        )


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
