"""Sides are made of whole groups and get their share."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from training.prepare.sides import Shares, Side, split


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.integers())
def test_no_group_is_on_two_sides(groups, seed):
    sides = split(groups, Shares(0.2, 0.2), Random(seed))
    where = {}
    for group, side in zip(groups, sides, strict=True):
        assert where.setdefault(group, side) is side


def test_single_rows_are_divided_as_asked():
    counts = Counter(split(range(100), Shares(0.1, 0.05), Random(0)))
    assert counts == {Side.TRAIN: 85, Side.VALIDATION: 10, Side.TEST: 5}


def test_small_sets_still_get_a_row_each():
    assert set(split(range(3), Shares(), Random(0))) == set(Side)


def test_no_test_side_when_none_is_asked_for():
    assert Side.TEST not in split(range(50), Shares(test=0.0), Random(0))


def test_a_huge_group_goes_to_training():
    sides = split([0] * 50 + list(range(1, 21)), Shares(0.1, 0.1), Random(5))
    assert sides[0] is Side.TRAIN


def test_the_seed_decides():
    first, again, other = (split(range(40), Shares(), Random(seed)) for seed in (1, 1, 2))
    assert first == again != other
