"""A winner is refused where both are called bad, or where it disclaims more than the baseline."""

import numpy as np
import pytest
from scipy import stats

from data.statistics.gate.guards import both_bad_guard, disclaimer_guard
from data.statistics.votes import VoteChoice
from tests.fakes.votes import BASE, TUNED, shown, vote


def called(bad, good):
    """For each person, how many votes call both bad and how many choose the candidate."""
    votes = []
    for person, (worse, better) in enumerate(zip(bad, good, strict=True)):
        for choice in [VoteChoice.BOTH_BAD] * worse + [VoteChoice.A] * better:
            votes.append(vote(choice, number=len(votes), person=f"p{person}"))
    return votes


def judged(*pairs, comparison=None):
    """Comparisons: whether the candidate disclaims, and whether the baseline does."""
    return [
        vote(
            VoteChoice.A,
            shown(TUNED, disclaims=one),
            shown(BASE, disclaims=other),
            number=n,
            comparison=comparison,
            person=f"p{n}",
        )
        for n, (one, other) in enumerate(pairs)
    ]


def said(guard):
    assert guard.refusal is not None
    return guard.refusal


def test_few_bad_pairs_are_allowed():
    guard = both_bad_guard(called([1, 0, 2, 0, 1, 0], [5] * 6), 0.5)
    assert guard.refusal is None
    shares = np.array([1 / 6, 0, 2 / 7, 0, 1 / 6, 0])
    error = shares.std(ddof=1) / 6**0.5
    assert guard.value == pytest.approx(shares.mean())
    assert guard.upper == pytest.approx(shares.mean() + stats.t.ppf(0.95, 5) * error)
    assert (guard.name, guard.number, guard.limit) == ("both bad", 6, 0.5)


def test_many_bad_pairs_are_refused_with_the_figures():
    guard = both_bad_guard(called([5, 4, 3, 5, 4, 3], [2] * 6), 0.5)
    assert "both answers are called bad in 66% of the votes of 6 people" in said(guard)
    assert "less than 50% is allowed" in said(guard)


def test_each_person_counts_once_in_the_share_of_bad_pairs():
    heavy = both_bad_guard(called([20, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1]), 0.5)
    assert heavy.value == pytest.approx(1 / 6)


def test_one_person_is_too_few_to_say_how_often_both_are_bad():
    guard = both_bad_guard(called([0], [20]), 0.5)
    assert guard.upper == 1
    assert guard.refusal == "one person cannot show how often both answers are bad"


def test_a_candidate_that_does_not_disclaim_passes():
    guard = disclaimer_guard(
        judged(*[(False, True)] * 10, *[(False, False)] * 30), TUNED, BASE, 0.1
    )
    assert guard.refusal is None
    assert guard.value == -0.25
    assert (guard.name, guard.number) == ("disclaimers", 40)


def test_a_candidate_that_disclaims_more_is_refused_with_the_figures():
    votes = judged(*[(True, False)] * 9, *[(False, True)] * 2, *[(False, False)] * 29)
    guard = disclaimer_guard(votes, TUNED, BASE, 0.1)
    assert guard.value == pytest.approx(7 / 40)
    assert "in 40 comparisons the candidate alone disclaims 9 times" in said(guard)
    assert "less than 10% is allowed" in said(guard)


def test_the_bound_is_bonetts_and_prices():
    votes = judged(*[(True, False)] * 3, *[(False, True)] * 6, *[(True, True)] * 21)
    more, less, pairs = 4 / 32, 7 / 32, 32
    error = ((more + less - (more - less) ** 2) / pairs) ** 0.5
    wanted = more - less + stats.norm.ppf(0.95) * error
    assert disclaimer_guard(votes, TUNED, BASE, 0.1).upper == pytest.approx(wanted, abs=1e-9)


def test_few_comparisons_cannot_rule_it_out_and_it_says_how_many_would():
    guard = disclaimer_guard(judged(*[(False, False)] * 21), TUNED, BASE, 0.1)
    assert "21 comparisons are too few" in said(guard)
    assert said(guard).endswith("22 would do")
    assert disclaimer_guard(judged(*[(False, False)] * 22), TUNED, BASE, 0.1).refusal is None


def test_many_votes_on_one_comparison_are_one_comparison():
    guard = disclaimer_guard(judged(*[(False, False)] * 60, comparison="same"), TUNED, BASE, 0.1)
    assert guard.number == 1
    assert guard.refusal is not None


def test_what_nobody_judged_is_not_taken_for_good():
    guard = disclaimer_guard(judged((None, False), *[(False, False)] * 40), TUNED, BASE, 0.1)
    assert guard.upper == 1
    assert "nobody has judged the answers of 1 comparisons" in said(guard)
