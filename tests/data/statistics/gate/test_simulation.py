"""How often the gate errs in a made-up community, with fixed seeds."""

import re
from pathlib import Path

import numpy as np
import pytest

from data.statistics.gate.simulation import Community, mean_logit, simulate

PAGE = Path(__file__).resolve().parents[4] / "docs" / "evaluation.md"
PEOPLE = Community(people=20, taste=0.5, votes=400)


@pytest.fixture(scope="module")
def alike():
    return simulate(0.5, PEOPLE, runs=2000, every=10, seed=0)


@pytest.fixture(scope="module")
def better():
    return simulate(0.65, PEOPLE, runs=2000, every=10, seed=0)


def test_at_most_three_of_a_hundred_equal_adapters_are_promoted(alike):
    assert alike.gate[-1] <= 0.03
    assert alike.gate[-1] > 0, "else the simulation tries nothing"


def test_at_least_85_of_a_hundred_better_adapters_are_promoted(better):
    assert better.gate[-1] >= 0.85


def test_peeking_at_a_plain_wilson_bound_promotes_one_in_seven_or_more(alike):
    assert 0.14 <= alike.wilson[-1] <= 0.27


def test_votes_alone_would_promote_more_of_both(alike, better):
    assert alike.e_process[-1] > alike.gate[-1]
    assert better.e_process[-1] > better.gate[-1]


def test_who_passed_once_stays_promoted(alike, better):
    for found in (alike, better):
        assert found.votes.tolist() == list(range(10, 401, 10))
        for shares in (found.gate, found.e_process, found.wilson):
            assert shares.shape == (40,)
            assert np.all(np.diff(shares) >= 0)


def test_the_page_tells_what_comes_out(alike, better):
    page = PAGE.read_text(encoding="utf-8")
    told = re.search(r"no better: (.*)\. Adapters that 65 % of the votes prefer: (.*)\.\]", page)
    assert told is not None
    for line, found in zip(told.groups(), (alike, better), strict=True):
        figures = [float(figure) for figure in re.findall(r"([\d.]+) %", line)]
        rules = (found.wilson, found.e_process, found.gate)
        assert figures == [round(100 * float(shares[-1]), 1) for shares in rules]


def test_a_worse_adapter_is_never_promoted():
    assert simulate(0.4, PEOPLE, runs=300, seed=1).gate[-1] == 0


def test_few_people_are_never_enough():
    assert simulate(0.9, Community(people=5), runs=100, seed=1).gate[-1] == 0


def test_the_same_seed_gives_the_same_votes():
    once, again, other = (simulate(0.6, PEOPLE, runs=50, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(once.e_process, again.e_process)
    assert not np.array_equal(once.e_process, other.e_process)


@pytest.mark.parametrize(("share", "taste"), [(0.5, 0.5), (0.65, 0.5), (0.9, 1.5), (0.3, 0.0)])
def test_the_mean_share_over_all_people_is_the_true_share(share, taste):
    drawn = np.random.default_rng(0).normal(mean_logit(share, taste), taste, 400_000)
    assert (1 / (1 + np.exp(-drawn))).mean() == pytest.approx(share, abs=2e-3)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_that_cannot_be_is_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_logit(share, 0.5)
