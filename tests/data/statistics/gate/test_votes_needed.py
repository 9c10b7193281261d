"""How many votes it takes: exactly, as simulated, and as measured beforehand."""

import re
from pathlib import Path

import numpy as np
import pytest

from data.statistics.gate.e_process import is_reached, wins_needed
from data.statistics.gate.votes_needed import (
    likely_share,
    needed_by_share,
    votes_needed,
    votes_still_needed,
)

PAGE = Path(__file__).resolve().parents[4] / "docs" / "evaluation.md"
MEASURED = {0.6: 312, 0.65: 140, 0.7: 82}


def needed(share, **more):
    found = votes_needed(share, **more)
    assert found is not None
    return found


@pytest.mark.parametrize(("share", "measured"), MEASURED.items())
def test_it_is_what_was_measured_beforehand(share, measured):
    assert votes_needed(share) == pytest.approx(measured, rel=0.025)


@pytest.mark.parametrize("share", MEASURED)
@pytest.mark.parametrize("every", [1, 10])
def test_so_many_simulated_votes_decide_in_four_of_five_cases(share, every):
    runs = 4000
    number = needed(share, every=every)
    rng = np.random.default_rng(0)
    wins = (rng.random((runs, number)) < share).cumsum(1)
    looks = np.arange(every, number + 1, every)
    reached = is_reached(wins[:, looks - 1], looks - wins[:, looks - 1])
    assert reached.any(1).mean() >= 0.78
    assert reached[:, :-1].any(1).mean() <= 0.82, "the look before is not enough"


def test_the_page_tells_the_same_numbers():
    page = PAGE.read_text(encoding="utf-8")
    for line, every in (("votes needed", 1), ("looking every 10 votes", 10)):
        told = re.search(rf"^\| {line} \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
        assert told is not None
        assert [int(number) for number in told.groups()] == [
            needed(share, every=every) for share in MEASURED
        ]


def test_looking_less_often_takes_more_votes():
    assert needed(0.65) < needed(0.65, every=10) < needed(0.65, every=50)
    assert needed(0.65, every=10) % 10 == 0


def test_more_power_takes_more_votes():
    assert needed(0.65, power=0.9) > needed(0.65) > needed(0.65, power=0.5)


def test_votes_that_there_are_already_count():
    assert needed(0.65, wins=40, losses=20) < needed(0.65)
    assert needed(0.65, wins=20, losses=40) > needed(0.65)
    fewest = wins_needed(60)
    assert needed(0.65, wins=fewest, losses=60 - fewest) == 0
    assert needed(0.65, wins=fewest - 1, losses=61 - fewest) > 0


def test_where_nothing_would_decide_there_is_no_number():
    assert votes_needed(0.5) is None
    assert votes_needed(0.3) is None
    assert votes_needed(1.0) == next(n for n in range(99) if wins_needed(n) <= n)


def test_the_likely_share_is_drawn_towards_one_half():
    assert likely_share(0, 0) == 0.5
    assert likely_share(30, 10) == 40 / 60
    assert votes_still_needed(0, 0) is None
    assert votes_still_needed(10, 12) is None
    assert votes_still_needed(30, 14) == votes_needed(40 / 64, wins=30, losses=14)


def test_some_shares_are_answered_where_the_votes_suggest_none():
    assert needed_by_share(0, 0) == {share: votes_needed(share) for share in MEASURED}


def test_a_share_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"a share lies from 0 to 1, not at 1\.5"):
        votes_needed(1.5)
