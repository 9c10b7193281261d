"""The board: who stands where, with which interval, and who cannot be compared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.statistics.board import make_board
from data.statistics.people import BoundedEstimate
from data.statistics.votes import Contender, VoteChoice
from tests.fakes.votes import (
    BASE,
    FOURTH,
    SPICY,
    TUNED,
    by_people,
    of_community,
    vote,
    won_by,
)

STRENGTHS = {BASE: 0.0, TUNED: 0.8, SPICY: 0.4, FOURTH: -0.5}


@pytest.fixture(scope="module")
def votes():
    return of_community(STRENGTHS, 600, seed=3)


@pytest.fixture(scope="module")
def board(votes):
    return make_board(votes)


def duel_of(board, first, second):
    duel = board.duel(first, second)
    assert duel is not None
    return duel


def strengths(board):
    return {one.contender: one.strength for one in board.standings}


def values(board):
    return {contender: found.value for contender, found in strengths(board).items()}


def bounds(board):
    return {one: (each.low, each.value, each.high) for one, each in strengths(board).items()}


def test_it_finds_the_strengths_that_the_votes_were_made_with(board):
    mean = np.mean(list(STRENGTHS.values()))
    for contender, found in strengths(board).items():
        assert found.low < STRENGTHS[contender] - mean < found.high
        assert found.high - found.low < 1
    assert [one.contender for one in board.standings] == [TUNED, SPICY, BASE, FOURTH]
    assert sum(values(board).values()) == pytest.approx(0)
    assert (board.people, board.votes) == (12, 600)


def test_ranks_are_shared_where_the_intervals_do_not_tell(votes):
    alike = make_board(of_community({BASE: 0.0, TUNED: 0.0, SPICY: 2.5}, 200, seed=1))
    assert {one.contender: one.rank for one in alike.standings} == {SPICY: 1, BASE: 2, TUNED: 2}


def test_duels_say_who_beats_whom_and_by_how_much(board, votes):
    duel = duel_of(board, TUNED, BASE)
    direct = [v for v in votes if v.pair == {TUNED, BASE}]
    assert duel.direct.votes == len(direct)
    assert duel.direct.wins == sum(v.winner == TUNED for v in direct)
    assert duel.direct.ties == sum(v.choice is VoteChoice.TIE for v in direct)
    assert duel.difference.value == pytest.approx(values(board)[TUNED] - values(board)[BASE])
    assert 0.5 < duel.share.low < duel.share.value < duel.share.high < 1
    turned = duel_of(board, BASE, TUNED)
    assert turned.share.high == pytest.approx(1 - duel.share.low)
    assert turned.direct.losses == duel.direct.wins
    assert len(board.duels) == 6


def test_counts_are_those_of_all_votes_about_a_contender(board, votes):
    for one in board.standings:
        own = [v for v in votes if one.contender in v.contenders]
        assert one.counts.votes == len(own)
        assert one.counts.wins == sum(v.winner == one.contender for v in own)


def test_both_bad_prefers_neither():
    ties = [*by_people([(3, 2)] * 7), *(vote(VoteChoice.TIE, number=n) for n in range(90, 99))]
    bad = [replace(v, choice=VoteChoice.BOTH_BAD) if v.winner is None else v for v in ties]
    assert bounds(make_board(ties)) == bounds(make_board(bad))
    assert make_board(bad).standings[0].counts.both_bad == 9


def test_what_no_votes_connect_is_not_comparable():
    votes = by_people([(3, 1)] * 8) + by_people([(1, 3)] * 8, SPICY, FOURTH)
    board = make_board(votes)
    assert {one.contender: one.group for one in board.standings} == {
        BASE: 0, TUNED: 0, SPICY: 1, FOURTH: 1,
    }  # fmt: skip
    assert board.duel(TUNED, SPICY) is None
    assert board.duel(TUNED, BASE) is not None
    assert [one.rank for one in board.standings] == [1, 2, 1, 2]


def test_a_chain_of_votes_compares_who_never_met():
    votes = by_people([(6, 2)] * 8) + by_people([(6, 2)] * 8, SPICY, TUNED)
    duel = duel_of(make_board(votes), SPICY, BASE)
    assert duel.direct.votes == 0
    assert duel.difference.value == pytest.approx(2 * np.log(3))


def test_where_one_person_holds_the_chain_together_there_are_no_bounds():
    votes = by_people([(6, 2)] * 8)
    votes += [won_by(SPICY, TUNED, number=1000 + n, person="the only one") for n in range(20)]
    board = make_board(votes)
    assert {one.rank for one in board.standings} == {None}
    assert not duel_of(board, SPICY, BASE).difference.is_bounded


def test_a_variant_that_never_lost_has_a_finite_place():
    board = make_board(by_people([(4, 0)] * 8))
    assert [one.contender for one in board.standings] == [TUNED, BASE]
    assert all(one.ridged for one in board.standings)
    first = board.standings[0].strength
    assert 0 < first.low <= first.value <= first.high < 5
    assert not any(one.ridged for one in make_board(by_people([(4, 1)] * 8)).standings)


def test_five_people_are_too_few_for_intervals_and_ranks():
    board = make_board(by_people([(9, 1)] * 5))
    assert {one.rank for one in board.standings} == {None}
    assert not any(one.strength.is_bounded for one in board.standings)


def test_who_is_retired_is_hidden_and_still_connects():
    votes = by_people([(6, 2)] * 8) + by_people([(6, 2)] * 8, SPICY, TUNED)
    board = make_board(votes, retired={TUNED})
    assert [one.contender for one in board.standings] == [SPICY, BASE]
    assert [(d.first, d.second) for d in board.duels] == [(BASE, SPICY)]
    assert board.duel(SPICY, BASE) == make_board(votes).duel(SPICY, BASE)


def test_no_votes_are_an_empty_board():
    board = make_board([])
    assert (board.standings, board.duels, board.people) == ((), (), 0)


@settings(max_examples=15, deadline=None)
@given(st.randoms(), st.integers(0, 50))
def test_neither_order_nor_names_of_votes_and_people_matter(random, seed):
    votes = of_community(STRENGTHS, 120, seed=seed)
    board = make_board(votes, draws=60)
    assert make_board(random.sample(votes, len(votes)), draws=60) == board
    people = sorted({v.person_id for v in votes})
    other = dict(zip(people, random.sample([f"x{n}" for n in range(99)], len(people)), strict=True))
    renamed = [replace(v, person_id=other[v.person_id]) for v in votes]
    for contender, wanted in bounds(board).items():
        assert bounds(make_board(renamed, draws=60))[contender] == pytest.approx(wanted)


@settings(max_examples=15, deadline=None)
@given(st.permutations(["a", "b", "c", "d"]), st.integers(0, 50))
def test_names_of_variants_do_not_matter(names, seed):
    votes = of_community(STRENGTHS, 120, seed=seed)
    other = {old: Contender(new) for old, new in zip(STRENGTHS, names, strict=True)}
    renamed = [
        replace(
            v,
            a=replace(v.a, contender=other[v.a.contender]),
            b=replace(v.b, contender=other[v.b.contender]),
        )
        for v in votes
    ]
    before, after = (values(make_board(each, draws=1)) for each in (votes, renamed))
    assert {other[one]: value for one, value in before.items()} == pytest.approx(after)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 50))
def test_mirrored_votes_mirror_the_board(seed):
    votes = of_community(STRENGTHS, 120, seed=seed)
    board = make_board(votes, draws=60)
    # The same answers on the other side: nothing changes.
    assert make_board([v.mirrored for v in votes], draws=60) == board
    # The same sides, and the other answer chosen: all is turned about.
    turned = make_board([replace(v, choice=v.choice.mirrored) for v in votes], draws=1)
    assert {one: -value for one, value in values(turned).items()} == pytest.approx(values(board))


def covers(seed, people, truth, rng):
    taste = rng.normal(truth, 0.7, people)
    wins = rng.binomial(15, 1 / (1 + np.exp(-taste)))
    board = make_board(by_people([(w, 15 - w) for w in wins]), draws=300, seed=seed)
    found = duel_of(board, TUNED, BASE).difference
    return found.low < truth < found.high


def test_nineteen_of_twenty_intervals_hold_the_truth_though_people_differ():
    rng = np.random.default_rng(0)
    held = [covers(seed, 10, 0.0, rng) for seed in range(120)]
    assert np.mean(held) >= 0.9  # 0.95, less two and a half standard errors of 120 tries


@pytest.mark.parametrize(
    ("estimate", "excluded"),
    [
        (BoundedEstimate(1.0), False),
        (BoundedEstimate(1.0, 0.1, 2.0), True),
        (BoundedEstimate(-1.0, -2.0, -0.1), True),
        (BoundedEstimate(1.0, -0.1, 2.0), False),
    ],
)
def test_an_interval_shows_a_difference_if_zero_is_outside(estimate, excluded):
    assert estimate.excludes_zero is excluded
    assert BoundedEstimate(0.0).as_share == BoundedEstimate(0.5, 0.0, 1.0)
