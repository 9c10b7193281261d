"""The t test over people is scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from data.statistics.gate.person_means import is_above_half, mean_test, person_shares

SHARES = [1.0, 0.5, 0.75, 0.6, 0.9, 0.4, 1.0]


def test_it_is_scipys_t_test():
    shares = np.array(SHARES)
    wanted = stats.ttest_1samp(shares, 0.5, alternative="greater")
    both = stats.ttest_1samp(shares, 0.5).confidence_interval()
    found = mean_test(shares)
    assert found.p == pytest.approx(wanted[1], abs=1e-9)
    assert (found.low, found.high) == pytest.approx((both.low, both.high), abs=1e-9)
    assert found.mean == pytest.approx(shares.mean())
    assert found.people == 7


def test_who_all_say_the_same_are_certain():
    assert mean_test(np.ones(6)).p == 0
    assert mean_test(np.zeros(6)).p == 1
    assert mean_test(np.full(6, 0.5)).p == 0.5


def test_one_person_has_no_test_and_nobody_has_no_mean():
    alone = mean_test(np.array([0.8]))
    assert (alone.mean, alone.low, alone.high, alone.p) == (0.8, 0, 1, 1)
    assert mean_test(np.array([])).mean is None


@given(
    arrays(
        float, st.integers(2, 12), elements=st.sampled_from([0.0, 1 / 3, 0.4, 0.5, 0.6, 0.8, 1.0])
    )
)
def test_sums_decide_as_the_shares_do(shares):
    wanted = mean_test(shares).p < 0.025
    found = is_above_half(
        np.array(len(shares)), np.array(shares.sum()), np.array((shares**2).sum())
    )
    assert found == wanted


def test_fewer_than_two_people_are_never_above():
    for number in (0, 1):
        assert not is_above_half(np.array(number), np.array(float(number)), np.array(1.0 * number))


def test_a_share_is_of_a_persons_own_votes():
    shares = person_shares(np.array([3, 0, 0]), np.array([1, 2, 0]))
    assert shares[:2].tolist() == [0.75, 0.0]
    assert np.isnan(shares[2])
