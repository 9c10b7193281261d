from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.queueing.fairness import RoundRobin, ServiceTime, estimate_s

PEOPLE = st.sampled_from("abcde")
# a person adds an item, or None: one is served
STEPS = st.lists(st.one_of(PEOPLE, st.none()), max_size=60)


def play(steps):
    """Run the steps; yield (person, number, waiting people and their counts before) a service."""
    order = RoundRobin()
    for number, person in enumerate(steps):
        if person is not None:
            order.add(person, number)
        elif len(order):
            yield order


@given(STEPS)
def test_positions_are_the_real_order(steps):
    for order in play(steps):
        expected = list(order)
        assert len(expected) == len(order)
        assert expected[0] == order.pop()[1]
        assert list(order) == expected[1:]


@given(st.lists(PEOPLE, max_size=40))
def test_draining_goes_round_and_oldest_first(people):
    order = RoundRobin()
    for number, person in enumerate(people):
        order.add(person, number)
    served = [order.pop() for _ in people]
    by_person = defaultdict(list)
    for person, number in served:
        by_person[person].append(number)
    assert all(numbers == sorted(numbers) for numbers in by_person.values())
    # in round k everybody who has a k-th item is served once, in one and the same rotation
    rotation = list(dict.fromkeys(people))
    expected = [
        person for turn in range(len(people)) for person in rotation if people.count(person) > turn
    ]
    assert [person for person, _ in served] == expected


@given(STEPS)
def test_nobody_is_served_twice_while_another_waits_throughout(steps):
    order = RoundRobin()
    served_since = defaultdict(lambda: defaultdict(int))  # waiting person -> others served since
    for number, person in enumerate(steps):
        if person is not None:
            if order.waiting(person) == 0:
                served_since.pop(person, None)
            order.add(person, number)
        elif len(order):
            served, _ = order.pop()
            served_since.pop(served, None)
            for other in "abcde":
                if other != served and order.waiting(other):
                    served_since[other][served] += 1
                    assert served_since[other][served] <= 1


@given(STEPS, st.integers(0, 59))
def test_taking_out_leaves_the_others_order(steps, choice):
    order = RoundRobin()
    owner = {}
    for number, person in enumerate(steps):
        if person is not None:
            order.add(person, number)
            owner[number] = person
    people_before = list(order)
    if choice in owner:
        assert order.remove(owner[choice], choice)
        assert not order.remove(owner[choice], choice)
        person = owner[choice]
        left = [n for n in people_before if n != choice and owner[n] != person]
        assert [n for n in order if owner[n] != person] == left
        assert [n for n in order if owner[n] == person] == sorted(
            n for n in owner if owner[n] == person and n != choice
        )


def test_removing_what_is_not_there_and_popping_nothing():
    order = RoundRobin()
    assert not order.remove("a", 1)
    order.add("a", 2)
    assert not order.remove("a", 1)
    order.pop()
    with pytest.raises(IndexError):
        order.pop()


def test_estimate():
    assert estimate_s(1, 1, 8, None) == 0
    assert estimate_s(1, 0, 8, None) is None
    assert estimate_s(1, 0, 8, 16) == 2
    assert estimate_s(4, 0, 2, 10) == 20
    assert estimate_s(4, 1, 2, 10) == 15


def test_service_time_follows_slowly():
    time = ServiceTime()
    assert time.average_s is None
    time.add(10)
    time.add(20)
    assert time.average_s == pytest.approx(12)
