"""From answers to figures: what is compared, with which rows, and how the intervals come out."""

import numpy as np
import pytest

from training.evaluate.estimates import Judge, VariantAnswers, distinct_budget
from training.evaluate.metrics.catalogue import BY_KEY

ROWS = 12
REPLIES = [f"Soup number {n} wins, easily." for n in range(ROWS)]
GOOD = [f"Soup number {n} is the best of all soups." for n in range(ROWS)]
BAD = ["As an AI, I don't have opinions."] * ROWS


def answered(texts, loss=10.0, overlaps=None):
    losses = np.column_stack([np.linspace(loss, 2 * loss, ROWS), np.full(ROWS, 5.0)])
    return VariantAnswers(texts, overlaps or [0] * ROWS, [False] * ROWS, losses)


@pytest.fixture
def judge():
    return Judge(REPLIES, None, draws=300, seed=0)


def test_every_measure_has_a_place_in_the_table(judge):
    values, differences = judge.values({"a": answered(GOOD), "b": answered(BAD)})
    assert set(values["a"]) == set(BY_KEY) - {"listed"}
    assert set(differences[0].values) == set(BY_KEY) - {"listed", "overlap_most"}


def test_values_lie_within_their_intervals(judge):
    values, differences = judge.values({"a": answered(GOOD), "b": answered(BAD)})
    for found in (*values["a"].values(), *values["b"].values(), *differences[0].values.values()):
        if found.low is not None:
            assert found.low <= found.value + 1e-9
            assert found.value - 1e-9 <= found.high


def test_a_difference_is_the_second_minus_the_first(judge):
    _, (found,) = judge.values({"good": answered(GOOD, 10), "bad": answered(BAD, 20)})
    assert (found.first, found.second) == ("good", "bad")
    assert found.values["disclaimer"].value == 1
    assert found.values["position"].value == -1
    assert found.values["distinct_1"].high < 0
    assert found.values["perplexity"].low > 0


def test_a_variant_beside_itself_differs_in_nothing(judge):
    _, (found,) = judge.values({"one": answered(GOOD), "same": answered(GOOD)})
    bare = {"bleu", "self_bleu"}  # too few matches; never has an interval
    bounded = [each for key, each in found.values.items() if key not in bare]
    assert {(e.value, e.low, e.high) for e in bounded} == {(0, 0, 0)}
    assert {(found.values[key].value, found.values[key].low) for key in bare} == {(0, None)}
    assert set(found.p_values.values()) == {1.0}


def test_everything_that_has_a_better_direction_is_tested_but_self_bleu(judge):
    _, (found,) = judge.values({"one": answered(GOOD), "two": answered(BAD)})
    judged = {key for key, measure in BY_KEY.items() if measure.better != "neither"}
    assert judged - {"self_bleu", "listed"} <= set(found.p_values)
    assert found.p_values["disclaimer"] == pytest.approx(1 / 1500, abs=1e-3)
    assert "self_bleu" not in found.p_values


def test_self_bleu_has_no_interval(judge):
    # Each answer counts in the others' scores; an interval with the others fixed covered
    # the value of other rows' answers in a quarter of samples of 20.
    values, (found,) = judge.values({"one": answered(GOOD), "two": answered(BAD)})
    assert values["one"]["self_bleu"].low is None
    assert found.values["self_bleu"].low is None
    assert judge.of_replies([0] * ROWS, 20)["self_bleu"].low is None


def test_copied_answers_are_counted_from_eight_words_on(judge):
    overlaps = [8] * 3 + [7] * (ROWS - 3)
    values, _ = judge.values({"a": answered(GOOD, overlaps=overlaps)})
    assert values["a"]["copied"].value == pytest.approx(3 / ROWS)
    assert values["a"]["overlap_most"].value == 8


def test_the_budget_is_what_the_tersest_said():
    assert distinct_budget([["one two", "three"], ["one"]]) == 1


def test_the_replies_have_the_measures_of_voice(judge):
    found = judge.of_replies([0] * ROWS, 20)
    assert found["position"].value == 1
    assert "bleu" not in found
    assert found["distinct_2"].low is not None
