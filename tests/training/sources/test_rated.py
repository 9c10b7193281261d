"""Of our own export those answers are taken that people rated good."""

import json

import pytest

from data.errors import DatasetError
from data.records import Turn
from training.sources.rated import RatingThresholds
from training.sources.reading import Reading
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow

TURNS = [
    {"role": "system", "content": "Be funny."},
    {"role": "user", "content": "Is water wet?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Why?"},
]


def line(number, rating, **changes):
    fields = {"rating": rating, "answer_id": number, "answer": f"answer {number}", "turns": TURNS,
              "finish_reason": "stop", "rater": "f0", "variant": "tuned", "origin": "discord",
              "export": "0123456789abcdef", "permission": "ticket 7"}  # fmt: skip
    return json.dumps(fields | changes) + "\n"


RATINGS = "".join(
    [line(1, "good"), line(2, "good"), line(2, "funny"), line(3, "funny"), line(2, "bad"),
     line(1, "good"), line(4, "good", finish_reason="length"), line(5, "bad"), line(6, "good")]
)  # fmt: skip


def numbers(rows):
    return [int(row.reply.split()[1]) for row in rows if isinstance(row, SourceRow)]


def test_answers_rated_good_by_some_and_bad_by_none_are_rows(write, read):
    rows = read(write("ratings.jsonl", RATINGS))
    assert numbers(rows) == [1, 6]
    before = (Turn("system", "Be funny."), Turn("user", "Is water wet?"), Turn("assistant", "Yes."))
    assert rows[0] == SourceRow("line 1", "Why?", "answer 1", thread="Is water wet?", before=before)
    assert [(row.reason, row.text) for row in rows if isinstance(row, DroppedRow)] == [
        (DropReason.NOT_RATED, "answer 2"),
        (DropReason.NOT_RATED, "answer 3"),
        (DropReason.CUT_OFF, "answer 4"),
        (DropReason.NOT_RATED, "answer 5"),
    ]


@pytest.mark.parametrize(
    ("thresholds", "taken"),
    [
        (RatingThresholds(1, 1), [1, 2, 6]),
        (RatingThresholds(2, 0), [1]),
        (RatingThresholds(0, 0), [1, 3, 6]),
    ],
)
def test_how_good_is_up_to_the_user(write, read, thresholds, taken):
    assert numbers(read(write("ratings.jsonl", RATINGS), Reading(thresholds=thresholds))) == taken


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answer_id": "x"}, "line 1: answer_id must be a whole number"),
        ({"answer": 5}, "line 1: answer must be a text"),
        ({"turns": []}, "line 1: turns must end with a user's turn"),
        ({"turns": [{"role": "user"}]}, "line 1: turns[0].content must be a text"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_key(write, read, changes, words):
    with pytest.raises(DatasetError) as caught:
        read(write("ratings.jsonl", line(1, "good", **changes)))
    assert words in str(caught.value)


def test_a_line_that_lacks_something_is_named(write, read):
    with pytest.raises(DatasetError, match="line 1 lacks answer, finish_reason, turns: is it from"):
        read(write("ratings.jsonl", '{"rating": "good", "answer_id": 1}'))
