"""Every epoch sees every example once, in an order that depends on seed and epoch alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.train.order import Order, seed_of


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_every_epoch_sees_every_example_once(rows, per_step, seed):
    order = Order(rows, per_step, seed)
    for epoch in range(2):
        first = epoch * order.steps_per_epoch
        seen = [
            p for step in range(first, first + order.steps_per_epoch) for p in order.places(step)
        ]
        assert sorted(seen) == list(range(rows))


def test_the_order_is_another_in_each_epoch_and_for_each_seed():
    orders = [Order(50, 50, 1).places(0), Order(50, 50, 1).places(1), Order(50, 50, 2).places(0)]
    assert len({tuple(order) for order in orders}) == 3


def test_going_back_gives_the_same_again():
    order = Order(10, 3, 7)
    early = order.places(1)
    order.places(30)
    assert order.places(1) == early == Order(10, 3, 7).places(1)


@pytest.mark.parametrize("other", [(4, 2, 0), (3, 3, 0), (3, 2, 1)])
def test_seeds_differ_by_seed_step_and_process(other):
    assert seed_of(3, 2, 0) != seed_of(*other)
    assert seed_of(3, 2, 0) == seed_of(3, 2, 0) < 2**63
