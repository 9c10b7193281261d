"""The rule's parts: votes, people, enough of them, and without any one of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.statistics.gate.rule import weigh

COUNTS = arrays(np.int64, st.integers(0, 10), elements=st.integers(0, 20))


def rule(*people):
    wins, losses = np.array(people, dtype=np.int64).reshape(-1, 2).T
    return weigh(wins, losses)


def test_many_people_who_mostly_agree_pass():
    assert rule(*[(9, 4)] * 10).passed


def test_five_people_are_too_few_however_sure():
    found = rule(*[(20, 0)] * 5)
    assert found.votes
    assert found.people
    assert not found.enough_people
    assert not found.passed
    assert rule(*[(20, 0)] * 6).passed


def test_one_heavy_rater_does_not_carry_it():
    found = rule((20, 0), *[(3, 2)] * 2, *[(2, 2)] * 5)
    assert not found.passed
    assert not found.people


def test_votes_alone_are_not_enough_if_people_differ():
    # Two thirds of the votes, and half of the people are against it.
    found = rule(*[(20, 0)] * 4, *[(3, 5)] * 5)
    assert found.votes
    assert not found.people


def test_people_alone_are_not_enough_without_votes():
    found = rule(*[(1, 0)] * 8)
    assert found.people
    assert not found.votes


def test_it_must_stand_without_any_one_person():
    # All are for it a little, and one with all their votes: the rest alone is not convincing.
    found = rule((20, 0), *[(6, 4)] * 7)
    assert found.votes
    assert found.people
    assert found.stands_without.tolist() == [False, *[True] * 7]
    assert not found.passed


def test_nobody_passes_nothing():
    assert not rule().passed


def test_many_communities_at_once_are_each_by_itself():
    rng = np.random.default_rng(0)
    wins, losses = rng.integers(0, 12, (2, 30, 9)) * np.array([[[1]], [[1]]])
    wins += 3
    together = weigh(wins, losses).passed
    assert 0 < together.mean() < 1
    assert together.tolist() == [
        bool(weigh(w, lost).passed) for w, lost in zip(wins, losses, strict=True)
    ]


@given(COUNTS, st.randoms())
def test_neither_order_nor_people_without_votes_matter(wins, random):
    losses = wins[::-1] // 3
    found = weigh(wins, losses)
    order = random.sample(range(len(wins)), len(wins))
    assert weigh(wins[order], losses[order]).passed == found.passed
    more = np.append(wins, [0, 0]), np.append(losses, [0, 0])
    assert weigh(*more).passed == found.passed


@given(COUNTS)
def test_both_of_two_never_pass(wins):
    losses = wins[::-1].copy()
    assert not (weigh(wins, losses).passed and weigh(losses, wins).passed)


@pytest.mark.parametrize("shape", [(3, 6), (2, 3, 6)])
def test_shapes_are_kept(shape):
    found = weigh(np.full(shape, 9), np.full(shape, 4))
    assert found.passed.shape == shape[:-1]
    assert found.stands_without.shape == shape
