"""Agreement in percent and Krippendorff's alpha, against the literature's worked examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.statistics.agreement import agreement, krippendorff_alpha, percent_agreement
from data.statistics.votes import VoteChoice
from tests.fakes.votes import BASE, TUNED, vote

# K. Krippendorff, Computing Krippendorff's alpha-reliability (2011), sections A to C.
BINARY = ("0100000010", "1110010000")
CATEGORIES = ("aabbdcccedda", "babbbccceddd")
GAPS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def units(observers):
    return [[value for value in unit if value != "."] for unit in zip(*observers, strict=True)]


@pytest.mark.parametrize(
    ("observers", "alpha"), [(BINARY, 0.095), (CATEGORIES, 0.692), (GAPS, 0.743)]
)
def test_the_worked_examples_of_krippendorff(observers, alpha):
    assert krippendorff_alpha(units(observers)) == pytest.approx(alpha, abs=5e-4)


def alpha_of(units):
    alpha = krippendorff_alpha(units)
    assert alpha is not None
    return alpha


def test_full_agreement_is_one_and_chance_is_zero():
    assert krippendorff_alpha(["aaa", "bb", "cccc"]) == 1
    # Every pair of values as often as it would be drawn from a large urn.
    assert krippendorff_alpha(["ab", "ab", "aa", "bb"] * 500) == pytest.approx(0, abs=1e-3)
    assert alpha_of(["ab"] * 5) < 0


@pytest.mark.parametrize("nothing", [[], ["a"], ["a", "b"], ["aa", "a"], ["aa", "aaa"]])
def test_where_nothing_is_expected_there_is_no_alpha(nothing):
    assert krippendorff_alpha(nothing) is None


def test_percent_agreement_is_of_pairs_of_people():
    assert percent_agreement(["ab", "aa"]) == 0.5
    assert percent_agreement(["aab"]) == pytest.approx(1 / 3)
    assert percent_agreement(["a"]) is None


@given(st.lists(st.text("abc", max_size=5), max_size=8), st.randoms())
def test_neither_order_nor_names_matter(values, random):
    alpha = krippendorff_alpha(values)
    shuffled = [
        "".join(random.sample(unit, len(unit))) for unit in random.sample(values, len(values))
    ]
    assert krippendorff_alpha(shuffled) == pytest.approx(alpha)
    renamed = [unit.translate(str.maketrans("abc", "zxy")) for unit in values]
    assert krippendorff_alpha(renamed) == pytest.approx(alpha)


def test_it_is_coded_by_side_for_a_variant_that_nearly_always_wins():
    # Three people each choose the tuned one in nine of ten cases; the variants change sides.
    rng = np.random.default_rng(0)
    votes = []
    by_variant = {}
    for number in range(100):
        a, b = (TUNED, BASE) if number % 2 else (BASE, TUNED)
        for person in range(3):
            winner = TUNED if rng.random() < 0.9 else BASE
            choice = VoteChoice.A if winner == a else VoteChoice.B
            votes.append(vote(choice, a, b, number=number, person=f"p{person}"))
            by_variant.setdefault(number, []).append(winner)
    found = agreement(votes)
    assert (found.comparisons, found.votes) == (100, 300)
    assert found.share == percent_agreement(by_variant.values())
    assert abs(alpha_of(by_variant.values())) < 0.1
    assert found.alpha is not None
    assert found.share is not None
    assert found.alpha == pytest.approx(2 * found.share - 1, abs=0.01), "chance agrees in a half"


def test_who_votes_alone_agrees_with_nobody():
    found = agreement([vote(VoteChoice.A, number=n) for n in range(5)])
    assert (found.comparisons, found.votes, found.share, found.alpha) == (0, 0, None, None)
