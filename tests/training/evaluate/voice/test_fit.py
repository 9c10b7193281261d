"""How the classifier is trained; that it gives the shipped one is tested with its command."""

import numpy as np

from tests.fakes.state_reader import CountingReader
from training.evaluate.voice.classifier import Label
from training.evaluate.voice.fit import (
    FOLDS,
    assign_folds,
    balance_point,
    train_with_states,
)
from training.evaluate.voice.labelled import (
    LabelledSide,
    held_out,
    read_sentences,
    train_sha256,
)

TRAIN = [one for one in read_sentences() if one.side is LabelledSide.TRAIN]


def quietly(done, total):
    pass


def test_a_family_stays_in_one_fold():
    folds = assign_folds(TRAIN)
    assert set(folds.tolist()) == set(range(FOLDS))
    for family in {one.family for one in TRAIN if one.kind != "mixed"}:
        assert (
            len({fold for fold, one in zip(folds, TRAIN, strict=True) if one.family == family}) == 1
        )


def test_the_threshold_balances_misses_and_false_alarms():
    scores = np.array([2.0, 3.0, 1.0, 0.0])
    wanted = np.array([False, True, True, False])
    threshold = balance_point(scores, wanted, np.ones(4))
    assert (scores > threshold).sum() == wanted.sum()


def test_a_text_that_counts_double_moves_the_threshold():
    scores = np.array([3.0, 2.0, 1.0, 0.0, -1.0])
    wanted = np.array([True, False, False, True, False])
    counts = np.array([1.0, 1.0, 1.0, 2.0, 1.0])
    assert balance_point(scores, wanted, counts) == 0.5


def test_words_and_states_are_learned_together_and_held_out_texts_are_only_scored(monkeypatch):
    given = TRAIN[:: len(TRAIN) // 300]
    monkeypatch.setattr("training.evaluate.voice.fit._train_side", lambda: given)
    reader = CountingReader()
    trained = train_with_states(reader, quietly)
    assert reader.texts == [one.text for one in (*given, *held_out())]
    assert trained.train_sha256 == train_sha256(given)
    # The states are noise here, so the words must have been learned.
    texts = [one.text for one in given]
    scores = trained.scores(texts, CountingReader().read(texts, quietly))
    for at, label in enumerate(Label):
        right = (scores[:, at] > 0) == [one.has(label) for one in given]
        assert right.mean() > 0.9
    texts = [one.text for one in held_out()]
    again = trained.scores(texts, CountingReader().read(texts, quietly))
    assert np.allclose(again, trained.held_out_scores, atol=1e-4)
