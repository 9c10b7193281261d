"""The e-value is the ratio that it says it is, a martingale at one half, and valid below it."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from data.statistics.gate.e_process import is_reached, log_e, log_e_path, wins_needed


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (0, 1), (7, 3), (30, 12), (90, 110)])
def test_it_is_the_mean_likelihood_ratio_over_beta_above_one_half(wins, losses):
    def ratio(share):
        return (2 * share) ** wins * (2 * (1 - share)) ** losses * 2 * stats.beta.pdf(share, 10, 10)

    wanted, _ = integrate.quad(ratio, 0.5, 1, epsabs=0, epsrel=1e-11)
    assert log_e(wins, losses) == pytest.approx(math.log(wanted), abs=1e-6)


def test_thousands_of_votes_are_computed_without_loss():
    wins, losses = 4200, 3800
    log_ratio = (
        stats.betabinom.logpmf(wins, wins + losses, 10, 10)
        - stats.binom.logpmf(wins, wins + losses, 0.5)
        + math.log(2)
        + stats.beta.logsf(0.5, 10 + wins, 10 + losses)
    )
    assert log_e(wins, losses) == pytest.approx(log_ratio, abs=1e-6)


@pytest.mark.parametrize("chance", [0.5, 0.4, 0.1])
def test_exact_enumeration_its_mean_is_one_under_the_null_and_falls_below_it(chance):
    means = []
    for votes in range(13):
        mean = 0.0
        for outcome in product((True, False), repeat=votes):
            wins = sum(outcome)
            mean += (
                chance**wins * (1 - chance) ** (votes - wins) * math.exp(log_e(wins, votes - wins))
            )
        means.append(mean)
    if chance == 0.5:
        assert means == pytest.approx([1.0] * 13)
    else:
        assert means[0] == pytest.approx(1)
        assert all(after < before for before, after in pairwise(means))


@given(st.integers(0, 400), st.integers(0, 400))
def test_one_step_from_anywhere_it_is_a_martingale_at_one_half(wins, losses):
    after = np.logaddexp(log_e(wins + 1, losses), log_e(wins, losses + 1)) - math.log(2)
    assert after == pytest.approx(log_e(wins, losses), abs=1e-9)


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_win_raises_it_and_a_loss_lowers_it(wins, losses):
    assert log_e(wins + 1, losses) > log_e(wins, losses) > log_e(wins, losses + 1)


def test_the_path_is_its_value_after_each_vote():
    path = log_e_path([True, True, False])
    assert path == [log_e(1, 0), log_e(2, 0), log_e(2, 1)]
    assert log_e_path([]) == []


@given(st.integers(0, 300), st.sampled_from([0.025, 0.1]))
def test_the_wins_needed_are_the_fewest_that_reach_the_bound(votes, level):
    needed = wins_needed(votes, level)
    bound = -math.log(level)
    assert needed == votes + 1 or log_e(needed, votes - needed) >= bound
    assert needed == 0 or log_e(needed - 1, votes - needed + 1) < bound


def test_arrays_are_judged_as_single_counts():
    rng = np.random.default_rng(0)
    wins, losses = rng.integers(0, 60, (2, 5, 7))
    reached = is_reached(wins, losses)
    for place in np.ndindex(5, 7):
        assert reached[place] == (log_e(int(wins[place]), int(losses[place])) >= math.log(40))
    assert is_reached(np.array(40), np.array(10))
    assert is_reached(np.zeros(0, dtype=int), np.zeros(0, dtype=int)).shape == (0,)


def test_a_negative_number_of_votes_is_refused():
    with pytest.raises(ValueError, match="-1 wins and 3 losses cannot be"):
        log_e(-1, 3)
