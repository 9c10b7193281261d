"""The shipped classifier: small, quick, remembered, and what the sentences give."""

import time

import numpy as np
import pytest

from training.evaluate.voice.classifier import (
    WEIGHTS,
    Classifier,
    Label,
    Linear,
    load,
    shipped,
)
from training.evaluate.voice.features import BUCKETS, features
from training.evaluate.voice.labelled import LabelledSide, read_sentences, train_sha256


def test_the_weights_are_small_and_of_these_sentences():
    assert WEIGHTS.stat().st_size < 1_000_000
    train = [one for one in read_sentences() if one.side is LabelledSide.TRAIN]
    assert shipped().train_sha256 == train_sha256(train)


def test_it_is_the_same_after_saving(tmp_path):
    path = tmp_path / "weights.safetensors"
    shipped().save(path)
    again = load(path)
    texts = [one.text for one in read_sentences()[:200]]
    for label in Label:
        assert [again.linears[label].score(text) for text in texts] == [
            shipped().linears[label].score(text) for text in texts
        ]
    assert again.train_sha256 == shipped().train_sha256


def test_weights_of_another_shape_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    few = Linear(np.zeros(8, dtype=np.float16), 0.0)
    Classifier(dict.fromkeys(Label, few), "none").save(path)
    with pytest.raises(ValueError, match="shape"):
        load(path)


@pytest.mark.parametrize("text", ["", "   ", "\n", "…", "!!!", "🤖", "\ud800", "a" * 20_000])
def test_any_text_gets_an_answer(text):
    for label in Label:
        assert shipped().has(label, text) in (True, False)
    assert not shipped().has(Label.DISCLAIMER, "  ")


def test_a_thousand_answers_take_half_a_second():
    texts = [one.text for one in read_sentences() if one.side is LabelledSide.TRAIN][:1000]
    fresh = Classifier(shipped().linears, "none")
    fresh.has(Label.POSITION, texts[0])
    begin = time.process_time()
    for text in texts:
        fresh.has(Label.DISCLAIMER, text)
    # Measured 0.2 to 0.3 s of one core; a machine that others use as well may take longer.
    assert time.process_time() - begin < 0.5


def test_features_are_bounded_and_the_same_each_time():
    one, other = features("As an AI, I don't eat. Tea?"), features("As an AI, I don’t  EAT. Tea?")
    assert np.array_equal(one.buckets, other.buckets)
    assert one.buckets.min() >= 0
    assert one.buckets.max() < BUCKETS
    assert (one.values**2).sum() == pytest.approx(4)  # four blocks of length one
    assert features("").values.sum() > 0
