"""The learning rate goes as told; every epoch sees every example once, in a new order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.recipe import Schedule
from training.train.schedule import ExampleOrder, LearningRateSchedule, seed_of


def rates(shape, warmup, steps):
    rate = LearningRateSchedule(1.0, shape, warmup, steps)
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
    assert LearningRateSchedule.of(schedule, 100).warmup == 6
    assert LearningRateSchedule.of(schedule, 101).warmup == 7
    assert LearningRateSchedule.of(schedule.model_copy(update={"warmup_steps": 2}), 100).warmup == 2
    assert LearningRateSchedule.of(schedule, 100).at(99) > 0


def test_more_warm_up_than_steps_only_rises():
    assert rates("cosine", 9, 3) == pytest.approx([0.1, 0.2, 0.3])


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_every_epoch_sees_every_example_once(rows, per_step, seed):
    order = ExampleOrder(rows, per_step, seed)
    for epoch in range(2):
        first = epoch * order.steps_per_epoch
        seen = [
            p for step in range(first, first + order.steps_per_epoch) for p in order.places(step)
        ]
        assert sorted(seen) == list(range(rows))


def test_the_order_is_another_in_each_epoch_and_for_each_seed():
    orders = [ExampleOrder(50, 50, seed).places(step) for seed, step in ((1, 0), (1, 1), (2, 0))]
    assert len({tuple(order) for order in orders}) == 3


def test_going_back_gives_the_same_again():
    order = ExampleOrder(10, 3, 7)
    early = order.places(1)
    order.places(30)
    assert order.places(1) == early == ExampleOrder(10, 3, 7).places(1)


@pytest.mark.parametrize("other", [(4, 2, 0), (3, 3, 0), (3, 2, 1)])
def test_seeds_differ_by_seed_step_and_process(other):
    assert seed_of(3, 2, 0) != seed_of(*other)
    assert seed_of(3, 2, 0) == seed_of(3, 2, 0) < 2**63
