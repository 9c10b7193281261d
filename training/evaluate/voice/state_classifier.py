"""The classifier over words and hidden states: weights, and what it said of the held-out texts.

To say what it says of the labelled texts that it was not trained on takes the demo model, so the
scores of those are kept beside the weights: whoever uses it knows how often it is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from training.evaluate.voice.classifier import Label, check_weights, write_weights
from training.evaluate.voice.features import BUCKETS, features_with_opening
from training.evaluate.voice.labelled import (
    Accuracy,
    LabelledSide,
    Sentence,
    held_out,
    held_out_sha256,
)

STATE_WEIGHTS = Path(__file__).parent / "state_classifier.safetensors"


@dataclass(frozen=True, slots=True)
class StateClassifier:
    """One logistic regression a label, in the order of Label.

    Shapes: `words` (labels, BUCKETS), `states` (labels, what `states.SIZE` says), `bias`
    (labels,), and `held_out_scores` (held-out texts, labels) in the order of `held_out()`. The
    hashes are those of the texts that it was trained on, and of the held-out ones.
    """

    words: NDArray[np.float16]
    states: NDArray[np.float32]
    bias: NDArray[np.float64]
    held_out_scores: NDArray[np.float32]
    train_sha256: str
    held_out_sha256: str

    def scores(self, texts: Sequence[str], states: NDArray[np.float32]) -> NDArray[np.float64]:
        """The log odds of each label for each text, shifted so that 0 is where it changes."""
        said = np.zeros((len(texts), len(Label)))
        for row, text in enumerate(texts):
            found = features_with_opening(text)
            said[row] = self.words[:, found.buckets].astype(np.float64) @ found.values
        return said + states.astype(np.float64) @ self.states.T.astype(np.float64) + self.bias

    def accuracy(self, label: Label, side: LabelledSide, kind: str | None = None) -> Accuracy:
        """How often it is right on a held-out side, or on the texts of one kind there.

        ValueError where its scores are of other texts than the labelled ones of today.
        """
        if self.held_out_sha256 != held_out_sha256():
            raise ValueError("the classifier's accuracy is known for other sentences only")
        at = list(Label).index(label)
        scored = zip(held_out(), self.held_out_scores[:, at], strict=True)
        judged = [(one, score > 0) for one, score in scored if one.side is side]
        return _counted(label, [each for each in judged if kind in (None, each[0].kind)])

    def save(self, path: Path) -> None:
        """Write everything into one file, replaced as a whole.

        Raises OutputRefused if anything else is there, and OSError.
        """
        check_weights(path, load_with_states)
        tensors = {
            "words": self.words,
            "states": self.states,
            "bias": self.bias,
            "held_out_scores": self.held_out_scores,
        }
        hashes = {"train_sha256": self.train_sha256, "held_out_sha256": self.held_out_sha256}
        write_weights(path, tensors, hashes)


def load_with_states(path: Path) -> StateClassifier:
    """Read what `StateClassifier.save` wrote; ValueError when the shapes are others."""
    names = ("words", "states", "bias", "held_out_scores")
    with safe_open(path, framework="numpy") as file:
        if sorted(file.keys()) != sorted(names):
            raise ValueError(f"{path.name} holds no words and states")
        found = StateClassifier(*(file.get_tensor(name) for name in names), **file.metadata())
    if found.words.shape != (len(Label), BUCKETS) or found.held_out_scores.shape[1:] != (2,):
        raise ValueError(f"{path.name} holds words of shape {found.words.shape}")
    return found


@cache
def shipped_with_states() -> StateClassifier:
    """The classifier that comes with this package, read once."""
    return load_with_states(STATE_WEIGHTS)


def _counted(label: Label, judged: Sequence[tuple[Sentence, bool]]) -> Accuracy:
    found = [one.has(label) for one, said in judged if said]
    wanted = sum(one.has(label) for one, _ in judged)
    return Accuracy(len(found), sum(found), wanted, len(judged))
