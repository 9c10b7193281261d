"""Student's t and the incomplete beta function are scipy's."""

import math

import numpy as np
import pytest
from scipy import special, stats

from data.statistics.distributions import (
    incomplete_beta,
    student_cdf,
    student_quantile,
    student_tail,
)


def test_the_incomplete_beta_function_is_scipys():
    rng = np.random.default_rng(0)
    for a, b, x in zip(*10 ** rng.uniform(-1, 3, (2, 500)), rng.random(500), strict=True):
        assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), abs=1e-11)
    assert incomplete_beta(2, 3, 0) == 0
    assert incomplete_beta(2, 3, 1) == 1


@pytest.mark.parametrize("degrees", [1, 2, 5, 19, 400])
def test_students_t_is_scipys(degrees):
    for t in (-30.0, -2.5, -0.1, 0.0, 0.7, 3.0, 50.0):
        assert student_cdf(t, degrees) == pytest.approx(stats.t.cdf(t, degrees), abs=1e-12)
        assert student_tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=1e-9)
    for chance in (0.01, 0.4, 0.5, 0.95, 0.975, 0.9999):
        wanted = stats.t.ppf(chance, degrees)
        assert student_quantile(chance, degrees) == pytest.approx(wanted, abs=1e-9, rel=1e-9)


def test_beyond_all_numbers_is_certain():
    assert student_tail(math.inf, 5) == 0
    assert student_tail(-math.inf, 5) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: incomplete_beta(0, 1, 0.5),
        lambda: incomplete_beta(1, 1, 1.5),
        lambda: student_quantile(1.0, 5),
        lambda: student_quantile(0.5, 0),
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^no "):
        wrong()
