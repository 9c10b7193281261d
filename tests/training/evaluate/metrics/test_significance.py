"""p-values by exchanging answers, and Holm's correction, against what one can count by hand."""

from itertools import product

import numpy as np
import pytest

from training.evaluate.metrics.diversity import distinct
from training.evaluate.metrics.intervals import mean, with_ones
from training.evaluate.metrics.significance import Exchanges, holm


def every(rows):
    """All ways of exchanging so many rows."""
    return Exchanges(np.array(list(product([False, True], repeat=rows))))


def test_the_p_value_of_a_mean_by_hand():
    first, second = with_ones(np.array([1.0, 2, 3])), with_ones(np.array([2.0, 4, 6]))
    # Of the 8 ways only "none" and "all" give a gap as large; the way found counts once more.
    assert every(3).p_of_score(first, second, mean) == pytest.approx((2 + 1) / (8 + 1))
    assert every(3).p_of_score(first, first, mean) == 1


def test_the_p_value_does_not_depend_on_who_is_first():
    rng = np.random.default_rng(0)
    first, second = (with_ones(rng.normal(size=30)) for _ in range(2))
    drawn = Exchanges.draw(30, 400, 0)
    there = drawn.p_of_score(first, second, mean)
    assert there == pytest.approx(drawn.p_of_score(second, first, mean))


def test_a_clear_difference_has_a_small_p_value_and_none_a_large():
    rng = np.random.default_rng(0)
    values = rng.normal(size=60)
    drawn = Exchanges.draw(60, 999, 0)
    assert drawn.p_of_score(with_ones(values), with_ones(values + 1), mean) == 1 / 1000
    noise = with_ones(values + rng.normal(0, 0.1, size=60))
    assert drawn.p_of_score(with_ones(values), noise, mean) > 0.05


@pytest.mark.parametrize("n", [1, 2])
def test_distinct_is_counted_as_diversity_counts_it(n):
    first = ["a b c", "d", "", "e f g h"]
    second = ["a a a a", "a b", "c d", "c d"]

    def gap(rows):
        pairs = [(b, a) if row else (a, b) for a, b, row in zip(first, second, rows, strict=True)]
        here, there = zip(*pairs, strict=True)
        budget = min(sum(len(text.split()) for text in texts) for texts in (here, there))
        return distinct(there, n, budget) - distinct(here, n, budget)

    ways = list(product([False, True], repeat=4))
    found = abs(gap(ways[0]))
    as_large = sum(abs(gap(rows)) >= found - 1e-12 for rows in ways)
    assert every(4).p_of_distinct(first, second, n) == pytest.approx((1 + as_large) / 17)


def test_answers_without_words_do_not_differ():
    assert every(2).p_of_distinct(["", "…"], ["", ""], 2) == 1


def test_holms_correction_by_hand():
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
    assert holm({}) == {}
