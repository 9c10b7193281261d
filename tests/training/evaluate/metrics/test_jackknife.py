"""Leaving rows out: which, and the interval that comes of it."""

import numpy as np
import pytest

from training.evaluate.metrics.jackknife import jackknife_interval, left_out


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
