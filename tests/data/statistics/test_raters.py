"""Raters who toss coins or vote against everybody are flagged; who votes as others do is not."""

import math
from dataclasses import replace

import numpy as np
import pytest

from data.statistics.raters import check_raters
from data.statistics.votes import VoteChoice
from tests.fakes.votes import BASE, SPICY, TUNED, of_community, vote, won_by

STRENGTHS = {BASE: 0.0, TUNED: 2.5, SPICY: 1.2}


def with_rater(choose, votes=40, seed=0):
    rng = np.random.default_rng(seed)
    community = of_community(STRENGTHS, 400, seed=seed)
    odd = [
        replace(v, choice=choose(v, rng), person_id="odd", comparison_id=f"odd{n}")
        for n, v in enumerate(of_community(STRENGTHS, votes, seed=seed + 1, tie=0))
    ]
    return community + odd


def flagged(votes):
    return [check.person_id for check in check_raters(votes) if check.is_outlier]


def test_who_votes_against_everybody_is_flagged():
    votes = with_rater(lambda v, rng: v.choice.mirrored)
    assert flagged(votes) == ["odd"]
    first = check_raters(votes)[0]
    assert first.person_id == "odd"
    assert first.with_others < first.decisive / 3


def test_who_tosses_a_coin_is_flagged():
    sides = (VoteChoice.A, VoteChoice.B)
    assert flagged(with_rater(lambda v, rng: sides[rng.integers(2)], 120)) == ["odd"]


def test_who_votes_as_the_others_do_is_not_flagged():
    boards = [flagged(of_community(STRENGTHS, 300, seed=seed)) for seed in range(30)]
    # By Ville's inequality at most 5 %, and what others voted is known only so well.
    assert sum(map(bool, boards)) <= 3


def test_it_is_the_product_of_one_by_two_p_with_p_from_the_others():
    # Three people with 3 wins and 1 loss each give 0.25 to each of the fourth's four losses.
    votes = [
        won_by(*((TUNED, BASE) if n % 4 else (BASE, TUNED)), number=n, person=f"p{n // 4}")
        for n in range(12)
    ]
    votes += [won_by(BASE, TUNED, number=n, person="odd") for n in range(12, 16)]
    first = check_raters(votes)[0]
    assert first.person_id == "odd"
    assert first.log_evidence == pytest.approx(4 * math.log(1 / (2 * 0.25)))
    assert (first.decisive, first.with_others, first.is_outlier) == (4, 0, False)


def test_where_nobody_else_voted_there_is_nothing_to_compare_with():
    votes = [won_by(TUNED, BASE, number=n) for n in range(60)]
    (check,) = check_raters(votes)
    assert check.log_evidence == 0
    assert not check.is_outlier


def test_ties_say_nothing_and_no_votes_are_no_raters():
    assert check_raters([vote(VoteChoice.TIE)]) == []
    assert check_raters([]) == []
