"""Intervals of shares that a classifier counted: they cover the true share."""

import numpy as np
import pytest

from data.statistics.shares import wilson
from training.evaluate.metrics.misclassified import (
    Reliability,
    true_differences,
    true_share_interval,
)

TRIALS = 2000
GOOD = Reliability(hits=233, wanted=274, left=357, unwanted=371)


def simulated(share, answers, sensitivity, specificity, rng, wanted=250, unwanted=350):
    """One evaluation: labelled sentences, then answers of which `share` truly have the label."""
    known = Reliability(
        int(rng.binomial(wanted, sensitivity)),
        wanted,
        int(rng.binomial(unwanted, specificity)),
        unwanted,
    )
    true = int(rng.binomial(answers, share))
    found = rng.binomial(true, sensitivity) + rng.binomial(answers - true, 1 - specificity)
    return int(found), known


def coverage(interval, share, answers, sensitivity, specificity):
    rng = np.random.default_rng(int(1000 * share) + answers)
    inside = 0
    for _ in range(TRIALS):
        low, high = interval(*simulated(share, answers, sensitivity, specificity, rng))
        inside += low <= share <= high
    return inside / TRIALS


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.98, 1.0])
@pytest.mark.parametrize("answers", [20, 76, 400])
@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.85, 0.96), (0.8, 0.88)])
def test_the_interval_covers_the_true_share(share, answers, sensitivity, specificity):
    covered = coverage(
        lambda found, known: true_share_interval(found, answers, known),
        share,
        answers,
        sensitivity,
        specificity,
    )
    assert covered >= 0.93


def test_without_the_classifiers_error_it_would_not():
    covered = coverage(lambda found, _: wilson(found, 400), 0.05, 400, 0.8, 0.88)
    assert covered < 0.5


def test_the_counted_share_lies_within():
    for total in (1, 5, 76):
        for found in range(total + 1):
            low, high = true_share_interval(found, total, GOOD)
            assert 0 <= low <= found / total <= high <= 1


def test_it_is_wider_than_for_counts_that_cannot_be_wrong():
    low, high = true_share_interval(38, 76, GOOD)
    sure_low, sure_high = wilson(38, 76)
    assert high - low > sure_high - sure_low


def test_it_never_claims_more_than_counts_that_cannot_be_wrong():
    """A classifier that misses a quarter cannot make 47 of 47 certain."""
    for found in (0, 24, 47):
        low, high = true_share_interval(found, 47, GOOD)
        sure_low, sure_high = wilson(found, 47)
        assert low <= sure_low
        assert high >= sure_high


def test_nothing_says_nothing():
    assert true_share_interval(0, 0, GOOD) == (0, 1)


def test_impossible_counts_and_useless_classifiers_are_refused():
    with pytest.raises(ValueError, match="cannot be"):
        true_share_interval(3, 2, GOOD)
    with pytest.raises(ValueError, match="cannot be"):
        Reliability(hits=5, wanted=4, left=1, unwanted=2)
    with pytest.raises(ValueError, match="chance"):
        Reliability(hits=5, wanted=10, left=5, unwanted=10)


def test_differences_grow_by_what_the_classifier_hides():
    counted = np.full(4000, 0.2)
    true = true_differences(counted, GOOD, seed=0)
    assert true.mean() == pytest.approx(0.2 / (233 / 274 + 357 / 371 - 1), rel=0.01)
    assert true.std() > 0
    assert np.abs(true_differences(np.array([1.0, -1.0, 0.0]), GOOD, seed=0)).tolist() == [1, 1, 0]


@pytest.mark.parametrize(("first", "second"), [(0.1, 0.1), (0.05, 0.4), (0.3, 0.6)])
def test_the_interval_of_a_difference_covers_the_true_one(first, second):
    answers, inside, trials = 150, 0, 400
    rng = np.random.default_rng(1)
    for trial in range(trials):
        found, known = simulated(first, answers, 0.85, 0.96, rng)
        other, _ = simulated(second, answers, 0.85, 0.96, rng)
        drawn = (
            rng.binomial(answers, other / answers, size=500)
            - rng.binomial(answers, found / answers, size=500)
        ) / answers
        low, high = np.quantile(true_differences(drawn, known, seed=trial), (0.025, 0.975))
        inside += low <= second - first <= high
    assert inside / trials >= 0.93
