"""Comments of a dump are joined to their replies by id."""

import json

import pytest
import zstandard

from data.errors import DatasetError
from training.sources.reading import Format, Reading
from training.sources.reasons import DropReason
from training.sources.row import DroppedRow, SourceRow

COMMENTS = [
    {"id": "a1", "parent_id": "t3_s1", "link_id": "t3_s1", "author": "ann", "score": 5,
     "body": "Soup is a meal.", "subreddit": "food", "edited": False},
    {"id": "a2", "parent_id": "t1_a1", "link_id": "t3_s1", "author": "bob", "score": -2,
     "body": "Soup is a drink.", "subreddit": "food"},
    {"id": "zz", "parent_id": "t1_gone", "link_id": "t3_s1", "author": "eve", "score": 1,
     "body": "I agree."},
    {"id": "b1", "parent_id": "t1_a2", "link_id": "t3_s1", "author": None, "score": None,
     "body": "[deleted]"},
]  # fmt: skip
JOINED = [
    SourceRow("line 2", "Soup is a meal.", "Soup is a drink.", "food", "t3_s1", "bob", -2),
    SourceRow("line 4", "Soup is a drink.", "[deleted]", None, "t3_s1"),
    DroppedRow(DropReason.NO_PARENT, "line 3", "I agree."),
]


def dump(comments):
    return "".join(json.dumps(comment) + "\n" for comment in comments)


def test_replies_are_joined_to_their_comments(write, read):
    assert read(write("RC.jsonl", dump(COMMENTS))) == JOINED


def test_the_order_of_the_dump_does_not_matter(write, read):
    path = write("RC.jsonl", dump(COMMENTS[::-1]))
    assert [row.text if isinstance(row, DroppedRow) else row.reply for row in read(path)] == [
        "Soup is a drink.", "[deleted]", "I agree.",
    ]  # fmt: skip


def test_a_packed_dump_is_known_by_its_keys(write, read):
    path = write("RC_2015-01.zst", zstandard.compress(dump(COMMENTS).encode()))
    assert read(path) == JOINED


def test_a_comment_that_stands_twice_counts_once(write, read):
    assert read(write("RC.jsonl", dump([*COMMENTS, COMMENTS[1]]))) == JOINED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "?"}, "line 1: id must be a Reddit id such as c0ffee, not '?'"),
        ({"id": "z" * 50}, "line 1: id must be a Reddit id"),
        ({"parent_id": "t1_!"}, "line 1: parent_id must be a Reddit id"),
        ({"body": 5}, "line 1: body must be a text"),
        ({"score": "high"}, "line 1: score must be a whole number, not 'high'"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_key(write, read, changes, words):
    with pytest.raises(DatasetError) as caught:
        read(write("RC.jsonl", dump([COMMENTS[0] | changes])))
    assert words in str(caught.value)


def test_another_kind_of_dump_is_named(write, read):
    path = write("RS.jsonl", '{"id": "s1", "title": "Soup?"}')
    with pytest.raises(DatasetError, match="line 1 lacks body, parent_id: is it a dump of"):
        read(path, Reading(format=Format.REDDIT))
