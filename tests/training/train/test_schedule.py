"""The learning rate goes up in a line, then down as it is told."""

import pytest

from training.recipe import Schedule
from training.train.rate import Rate


def rates(shape, warmup, steps):
    rate = Rate(1.0, shape, warmup, steps)
    return [rate.at(step) for step in range(steps)]


def test_warm_up_rises_in_a_line_and_never_starts_at_nothing():
    assert rates("cosine", 3, 100)[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_the_cosine_is_half_way_down_in_the_middle_and_nearly_at_0_at_the_end():
    found = rates("cosine", 0, 100)
    assert found[0] == 1
    assert found[50] == pytest.approx(0.5)
    assert 0 < found[-1] < 0.001
    assert found == sorted(found, reverse=True)


def test_the_line_falls_by_the_same_amount_each_step():
    assert rates("linear", 0, 4) == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_constant_stays():
    assert rates("constant", 1, 4) == [0.5, 1, 1, 1]


def test_warm_up_is_a_share_of_all_steps_or_a_number_of_them():
    schedule = Schedule(learning_rate=0.1, epochs=1, warmup=0.06)
    assert Rate.of(schedule, 100).warmup == 6
    assert Rate.of(schedule, 101).warmup == 7
    assert Rate.of(schedule.model_copy(update={"warmup_steps": 2}), 100).warmup == 2
    assert Rate.of(schedule, 100).at(99) > 0


def test_more_warm_up_than_steps_only_rises():
    assert rates("cosine", 9, 3) == pytest.approx([0.1, 0.2, 0.3])
