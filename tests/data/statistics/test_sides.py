"""The effect of the side is seen where there is one, and never mixed up with strength."""

from collections import Counter

import numpy as np
import pytest

from data.statistics.sides import side_effect
from data.statistics.votes import VoteChoice
from tests.fakes.votes import BASE, SPICY, TUNED, of_community, vote


def seen(votes):
    found = side_effect(votes)
    assert found is not None
    return found


def test_a_preferred_side_is_seen():
    found = seen(of_community({BASE: 0, TUNED: 1.0}, 600, side=0.6))
    assert found.is_seen
    assert found.advantage.low < 0.6 < found.advantage.high
    assert 0.5 < found.share.low < found.share.high < 0.8


def test_no_side_is_seen_where_there_is_none():
    votes = of_community({BASE: 0, TUNED: 1.0, SPICY: 0.3}, 600, side=0.0)
    found = seen(votes)
    assert not found.is_seen
    counts = Counter(v.choice for v in votes)
    assert (found.a_wins, found.b_wins) == (counts[VoteChoice.A], counts[VoteChoice.B])


def test_a_strong_variant_that_stands_on_the_left_more_often_is_no_effect_of_the_side():
    # Equal shares of 3 to 1 for the same variant on both sides, nine of ten times on the left.
    sides = [(TUNED, BASE)] * 9 + [(BASE, TUNED)]
    votes = []
    for number in range(400):
        a, b = sides[number // 4 % 10]
        winner = TUNED if number % 4 else BASE
        choice = VoteChoice.A if winner == a else VoteChoice.B
        votes.append(vote(choice, a, b, number=number, person=f"p{number % 8}"))
    found = seen(votes)
    assert found.a_wins > 2 * found.b_wins
    assert found.advantage.value == pytest.approx(0, abs=1e-9)


def test_mirroring_all_votes_mirrors_the_effect():
    votes = of_community({BASE: 0, TUNED: 1.0, SPICY: 0.3}, 300, side=0.4)
    there, back = seen(votes), seen([v.mirrored for v in votes])
    assert back.advantage.value == pytest.approx(-there.advantage.value)
    assert (back.a_wins, back.b_wins) == (there.b_wins, there.a_wins)


def test_the_effect_is_davidsons_and_beavers():
    # Between equals, 3 to 1 for the left: log 3.
    votes = [
        vote(VoteChoice.A if n % 4 else VoteChoice.B, *((TUNED, BASE)[:: 1 if n < 40 else -1]),
             number=n, person=f"p{n % 7}")
        for n in range(80)
    ]  # fmt: skip
    assert seen(votes).advantage.value == pytest.approx(np.log(3))


def test_without_a_decisive_vote_there_is_nothing_to_say():
    assert side_effect([vote(VoteChoice.TIE)]) is None
    assert side_effect([]) is None
