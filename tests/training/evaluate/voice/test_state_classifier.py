"""The classifier with hidden states that is shipped: what it was trained on, and its file.

Its scores of the held-out texts are shipped with it; that the demo model still gives them is
tested with the judge.
"""

import dataclasses

import numpy as np
import pytest

from data.errors import OutputRefused
from training.evaluate.voice.classifier import Label, shipped
from training.evaluate.voice.labelled import (
    LabelledSide,
    held_out,
    held_out_sha256,
    read_sentences,
    train_sha256,
)
from training.evaluate.voice.state_classifier import (
    STATE_WEIGHTS,
    load_with_states,
    shipped_with_states,
)


def test_the_weights_are_small_and_of_these_sentences():
    assert STATE_WEIGHTS.stat().st_size < 1_000_000
    train = [one for one in read_sentences() if one.side is LabelledSide.TRAIN]
    assert shipped_with_states().train_sha256 == train_sha256(train)
    assert shipped_with_states().held_out_sha256 == held_out_sha256()
    assert len(shipped_with_states().held_out_scores) == len(held_out())


def test_it_is_the_same_after_saving(tmp_path):
    path = tmp_path / "weights.safetensors"
    for _ in range(2):
        shipped_with_states().save(path)
    again = load_with_states(path)
    for name in ("words", "states", "bias", "held_out_scores"):
        assert np.array_equal(getattr(again, name), getattr(shipped_with_states(), name))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_the_other_classifier_is_neither_read_nor_replaced(tmp_path):
    path = tmp_path / "weights.safetensors"
    shipped().save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="holds no words and states"):
        load_with_states(path)
    with pytest.raises(OutputRefused):
        shipped_with_states().save(path)
    assert path.read_bytes() == before


def test_weights_of_another_shape_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    few = dataclasses.replace(shipped_with_states(), words=np.zeros((2, 8), dtype=np.float16))
    few.save(path)
    with pytest.raises(ValueError, match="words of shape"):
        load_with_states(path)


def test_accuracy_is_not_told_of_other_sentences():
    other = dataclasses.replace(shipped_with_states(), held_out_sha256="0")
    with pytest.raises(ValueError, match="other sentences"):
        other.accuracy(Label.POSITION, LabelledSide.TEST)
