"""Resampling and leaving out: which rows, and the intervals that come of it."""

import numpy as np
import pytest
import sacrebleu

from training.evaluate.metrics.bleu import bleu_score, bleu_statistics
from training.evaluate.metrics.intervals import (
    Resampling,
    exp_mean,
    interval,
    jackknife_interval,
    left_out,
    mean,
    whole,
    with_ones,
)


def test_every_draw_has_as_many_rows():
    drawn = Resampling.draw(rows=7, draws=50, seed=3)
    assert drawn.weights.shape == (50, 7)
    assert (drawn.weights.sum(axis=1) == 7).all()
    assert (drawn.weights == Resampling.draw(7, 50, 3).weights).all()
    assert (drawn.weights != Resampling.draw(7, 50, 4).weights).any()


def test_a_draws_bleu_is_the_bleu_of_its_rows():
    said = ["the cat sat on the mat", "no way that is true", "soup is good for you and me"]
    wanted = ["the cat is on the mat", "no way it is true", "soup is good for everybody"]
    drawn = Resampling.draw(3, 5, 0)
    scores = drawn.scores(bleu_statistics(said, wanted), bleu_score)
    for weights, score in zip(drawn.weights, scores, strict=True):
        rows = [row for row, times in enumerate(weights) for _ in range(int(times))]
        texts = [said[row] for row in rows], [[wanted[row] for row in rows]]
        assert score == pytest.approx(sacrebleu.corpus_bleu(*texts).score)


def test_the_interval_of_a_mean_is_about_the_normal_one():
    values = np.random.default_rng(0).normal(10, 2, size=400)
    drawn = Resampling.draw(400, 2000, 1)
    low, high = interval(drawn.scores(with_ones(values), mean))
    error = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - error, abs=0.05)
    assert high == pytest.approx(values.mean() + error, abs=0.05)


def test_pairing_shows_a_small_difference_between_unlike_rows():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 10, size=50)
    first, second = with_ones(hard), with_ones(hard + 0.5 + rng.normal(0, 0.1, size=50))
    drawn = Resampling.draw(50, 1000, 0)
    low, _ = interval(drawn.scores(second, mean) - drawn.scores(first, mean))
    assert low > 0.4
    other = Resampling.draw(50, 1000, 1)  # not paired: lost in the noise
    low, high = interval(other.scores(second, mean) - drawn.scores(first, mean))
    assert low < 0 < high


def test_perplexity_weighs_tokens_and_not_rows():
    statistics = np.array([[2.0, 1.0], [9.0, 9.0]])
    assert whole(statistics, exp_mean) == pytest.approx(np.exp(11 / 10))


def test_each_row_is_left_out_once():
    texts = ["a", "bb", "cccc"]
    found = left_out(texts, lambda kept: sum(map(len, kept)))
    assert found.tolist() == [6, 5, 3]


def test_many_rows_are_left_out_in_groups():
    found = left_out(["a"] * 120, len)
    assert len(found) == 50
    assert sorted(set(found.tolist())) == [117, 118]


def test_the_interval_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(0).normal(5, 1, size=40)
    without = (values.sum() - values) / 39
    error = 1.959964 * values.std(ddof=1) / np.sqrt(40)
    found = jackknife_interval(values.mean(), without)
    assert found == pytest.approx((values.mean() - error, values.mean() + error))


def test_one_row_has_no_spread():
    assert jackknife_interval(0.5, np.array([0.0])) == (0.5, 0.5)
