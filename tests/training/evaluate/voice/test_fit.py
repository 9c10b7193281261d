"""How the classifier is trained; that it gives the shipped one is tested with its command."""

import numpy as np

from training.evaluate.voice.fit import (
    FOLDS,
    assign_folds,
    balance_point,
)
from training.evaluate.voice.labelled import LabelledSide, read_sentences

TRAIN = [one for one in read_sentences() if one.side is LabelledSide.TRAIN]


def test_a_family_stays_in_one_fold():
    folds = assign_folds(TRAIN)
    assert set(folds.tolist()) == set(range(FOLDS))
    for family in {one.family for one in TRAIN if one.kind != "mixed"}:
        assert (
            len({fold for fold, one in zip(folds, TRAIN, strict=True) if one.family == family}) == 1
        )


def test_the_threshold_balances_misses_and_false_alarms():
    scores = np.array([3.0, 2.0, 1.0, 0.0])
    wanted = np.array([True, False, True, False])
    threshold = balance_point(scores, wanted)
    assert (scores > threshold).sum() == wanted.sum()
