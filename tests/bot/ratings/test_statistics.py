import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ratings.statistics import (
    ShareDifference,
    compare,
    difference_interval,
    figures,
    wilson,
)
from bot.ratings.stats_lines import verdict_line
from data.records import RatingKind, RatingTally


def tally(variant, good=0, bad=0, answers=100, funny=0, robotic=0):
    counts = {
        RatingKind.GOOD: good,
        RatingKind.BAD: bad,
        RatingKind.FUNNY: funny,
        RatingKind.ROBOTIC: robotic,
    }
    return RatingTally(variant, answers, counts, 1234.0)


def votes(variant, good, bad):
    return figures(tally(variant, good, bad))


# Published values: Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3.
@pytest.mark.parametrize(
    ("good", "of", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(good, of, low, high):
    interval = wilson(good, of)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(0, 500))
def test_wilson_holds_the_share_and_mirrors(good, bad):
    interval = wilson(good, good + bad)
    if good + bad == 0:
        assert interval is None
        return
    assert interval is not None
    assert 0 <= interval.low <= good / (good + bad) <= interval.high <= 1
    mirror = wilson(bad, good + bad)
    assert mirror is not None
    assert mirror.low == pytest.approx(1 - interval.high)


def test_wilson_refuses_what_cannot_be():
    with pytest.raises(ValueError, match="cannot be"):
        wilson(3, 2)


def test_figures_of_a_tally():
    one = figures(tally("tuned", good=3, bad=1, answers=10, funny=5, robotic=1))
    assert (one.good_share, one.votes, one.funny_rate, one.robotic_rate) == (0.75, 4, 0.5, 0.1)
    assert one.median_total_ms == 1234


def test_figures_of_nothing():
    one = figures(tally("base", answers=0))
    assert (one.good_share, one.interval, one.funny_rate, one.robotic_rate) == (None,) * 4


# Newcombe 1998 (Statistics in Medicine 17, 873-890), table II, method 10: 56/70 against 48/80
# gives 0.0524 to 0.3339.
def test_the_difference_is_the_published_one():
    assert difference_interval(votes("a", 56, 14), votes("b", 48, 32)) == pytest.approx(
        (0.0524, 0.3339), abs=5e-5
    )


def test_compare():
    better, worse, few = votes("a", 56, 14), votes("b", 48, 32), votes("c", 9, 0)
    assert compare(better, worse) is ShareDifference.FIRST
    assert compare(worse, better) is ShareDifference.SECOND
    assert compare(better, better) is ShareDifference.NO_DIFFERENCE
    assert compare(few, worse) is ShareDifference.NOT_ENOUGH


def test_difference_without_votes_knows_nothing():
    assert difference_interval(votes("a", 0, 0), votes("b", 1, 0)) == (-1, 1)


def test_verdict_line_names_no_false_winner():
    better, worse, few = votes("tuned", 56, 14), votes("base", 48, 32), votes("new", 9, 0)
    assert verdict_line([worse, better, few]) == "tuned is liked better than base."
    assert verdict_line([better, few]).startswith("Not enough votes yet")
    assert verdict_line([]).startswith("Not enough votes yet")
    assert "no difference" in verdict_line([worse, votes("tuned", 50, 30)])
