import pytest

from bot.discord.answer.pacing import Pace, Paces


def test_the_first_edit_does_not_wait_and_the_next_does():
    pace = Pace()
    assert pace.reserve(10.0) == 0
    assert pace.reserve(10.0) == pytest.approx(pace.interval_s)
    assert pace.reserve(100.0) == 0


def test_answers_in_one_channel_take_turns():
    pace = Pace()
    waits = [pace.reserve(0.0) for _ in range(4)]
    assert waits == pytest.approx([n * pace.interval_s for n in range(4)])


def test_an_edit_that_was_held_back_slows_down_and_quick_ones_recover():
    pace = Pace()
    usual = pace.interval_s
    pace.took(3.0)
    assert pace.interval_s == 3.0
    for _ in range(20):
        pace.took(0.05)
    assert pace.interval_s == pytest.approx(usual)


def test_a_limit_is_spread_evenly():
    pace = Pace()
    pace.limits(remaining=4, reset_after_s=5.0, now=0.0)
    assert pace.interval_s == pytest.approx(1.25)
    pace.took(0.05)
    assert pace.interval_s == pytest.approx(1.25), "the limit holds although the edit was quick"


def test_a_wide_limit_slows_nothing_down():
    pace = Pace()
    before = pace.interval_s
    pace.limits(remaining=50, reset_after_s=5.0, now=0.0)
    assert pace.interval_s == before


def test_an_exhausted_limit_is_waited_for():
    pace = Pace()
    pace.limits(remaining=0, reset_after_s=4.0, now=10.0)
    assert pace.reserve(10.0) == pytest.approx(4.0)


def test_a_refusal_waits_and_halves_the_speed():
    pace = Pace()
    before = pace.interval_s
    pace.refused(2.0, now=10.0)
    assert pace.reserve(10.0) == pytest.approx(2.0)
    assert pace.interval_s >= 2 * before
    pace.refused(0.1, now=20.0)
    assert pace.interval_s >= 4.0


def test_each_channel_has_its_own_pace_and_old_ones_are_forgotten():
    paces = Paces()
    slow = paces.of("a")
    slow.took(9.0)
    assert paces.of("a") is slow
    assert paces.of("b") is not slow
    for number in range(1000):
        paces.of(str(number))
    assert paces.of("a") is not slow
