"""A vote is about two contenders on two sides, and a person has one in each comparison."""

from dataclasses import replace
from datetime import datetime

import pytest

from data.statistics.votes import Contender, VoteChoice, in_time
from tests.fakes.votes import BASE, TUNED, shown, vote


@pytest.mark.parametrize(
    ("choice", "winner"),
    [
        (VoteChoice.A, TUNED),
        (VoteChoice.B, BASE),
        (VoteChoice.TIE, None),
        (VoteChoice.BOTH_BAD, None),
    ],
)
def test_the_winner_is_who_stood_on_the_side_that_was_chosen(choice, winner):
    one = vote(choice, TUNED, BASE)
    assert one.winner == winner
    assert one.choice.is_decisive is (winner is not None)
    assert one.mirrored.winner == winner
    assert one.mirrored.contenders == (BASE, TUNED)
    assert one.mirrored.mirrored == one


def test_another_adapter_is_another_contender():
    assert Contender("tuned", "lora-sha256:1") != Contender("tuned", "lora-sha256:2")
    assert str(TUNED) == "tuned (01234567)"
    assert str(BASE) == "base"


def test_a_contender_is_not_compared_with_itself():
    with pytest.raises(ValueError, match="against itself"):
        vote(VoteChoice.A, TUNED, TUNED)


def test_a_time_has_a_zone():
    with pytest.raises(ValueError, match="no zone"):
        replace(vote(VoteChoice.A), at=datetime(2026, 1, 1))


@pytest.mark.parametrize("wrong", [{"characters": -1}, {"tokens": -1}])
def test_a_length_is_not_negative(wrong):
    with pytest.raises(ValueError, match="negative length"):
        shown(BASE, **wrong)


def test_votes_come_in_time_whatever_order_they_are_read_in():
    votes = [vote(VoteChoice.A, number=n) for n in range(5)]
    assert in_time(reversed(votes)) == votes


def test_two_votes_of_one_person_in_one_comparison_are_refused():
    twice = [vote(VoteChoice.A, number=n, comparison="same") for n in range(2)]
    with pytest.raises(ValueError, match="comparison same has two votes of one person"):
        in_time(twice)
