"""Threads stay whole; else near texts do; and what would be on two sides goes."""

from contextlib import closing

import numpy as np
import pytest

from data.files.datasets import Pair
from data.records import Turn
from training.prepare.grouping import crossing, row_groups
from training.prepare.rules import KeptRow
from training.prepare.sides import Side
from training.prepare.spill import Spill

TRAIN, VALIDATION, TEST = Side


@pytest.fixture
def spill(tmp_path):
    with closing(Spill(tmp_path)) as spill:
        yield spill


def fill(spill, rows):
    for comment, reply, thread, *before in rows:
        turns = tuple(Turn("user", text) for text in before)
        spill.add(KeptRow("row", Pair(comment, reply, before=turns), thread, None), thread)
    return np.arange(spill.texts), np.arange(spill.rows)


def test_rows_of_a_thread_are_a_group_whatever_they_say(spill):
    cluster, rows = fill(spill, [("a", "b", "t1"), ("c", "d", "t2"), ("e", "b", "t1")])
    assert row_groups(spill, cluster, rows).tolist() == [0, 1, 0]


def test_rows_without_a_thread_are_a_group_over_any_number_of_texts(spill):
    cluster, rows = fill(
        spill,
        [("a", "b", None), ("x", "y", None), ("b", "c", None), ("d", "e", None, "c"),
         ("a", "q", "t1"), ("n1", "n2", None), ("m1", "m2", None)],
    )  # fmt: skip
    cluster[spill.texts - 1] = spill.texts - 4  # m2 is near n1
    assert row_groups(spill, cluster, rows).tolist() == [0, 1, 0, 0, 4, 5, 5]


def test_dropped_rows_join_nothing_and_groups_count_kept_rows(spill):
    cluster, rows = fill(spill, [("x", "y", None), ("a", "b", None), ("b", "c", None),
                                 ("c", "d", None)])  # fmt: skip
    assert row_groups(spill, cluster, rows[[0, 1, 3]]).tolist() == [0, 1, 2]


def test_a_row_on_a_later_side_goes_if_an_earlier_side_has_its_text(spill):
    cluster, rows = fill(
        spill,
        [("a", "thanks", "t1"), ("b", "thanks", "t2"), ("c", "d", "t2"), ("e", "d", "t3"),
         ("f", "g", "t3", "a"), ("h", "b", "t3")],
    )  # fmt: skip
    sides = [TRAIN, VALIDATION, VALIDATION, TEST, TEST, TEST]
    assert crossing(spill, cluster, rows, sides).tolist() == [1, 3, 4]


def test_a_near_text_crosses_too(spill):
    cluster, rows = fill(spill, [("a", "thanks", "t1"), ("b", "thank you", "t2")])
    assert crossing(spill, cluster, rows, [TRAIN, TEST]).tolist() == []
    cluster[3] = cluster[1]
    assert crossing(spill, cluster, rows, [TRAIN, TEST]).tolist() == [1]
