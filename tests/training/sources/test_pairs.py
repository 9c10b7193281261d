"""Pairs and chats as JSON, by the line or in an array."""

import json

import pytest

from data.errors import DatasetError
from data.records import Turn
from training.sources.pairs import Columns
from training.sources.reading import Reading
from training.sources.row import SourceRow

PAIR = {"comment": "hi", "reply": "yo", "topic": "food", "extra": [1]}


def turns(*contents):
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[content[0]], "content": content} for content in contents]


@pytest.mark.parametrize(("name", "place"), [("a.jsonl", "line 1"), ("a.json", "item 1")])
def test_pairs_are_read(write, read, name, place):
    path = write(name, json.dumps([PAIR] if name == "a.json" else PAIR))
    assert read(path) == [SourceRow(place, "hi", "yo", "food")]


def test_keys_may_have_other_names(write, read):
    path = write("a.ndjson", '{"Q": "hi", "A": null, "t": 5}')
    columns = Columns("Q", "A", "t")
    assert read(path, Reading(columns=columns)) == [SourceRow("line 1", "hi", "", thread="5")]


def test_each_answer_of_a_chat_is_a_row_with_what_came_before(write, read):
    chat = turns("s0", "u1", "a1", "u2", "u3", "a3", "a4", "u5")
    path = write("a.jsonl", json.dumps({"messages": chat}))
    first = (Turn("system", "s0"),)
    second = (*first, Turn("user", "u1"), Turn("assistant", "a1"))
    assert read(path) == [
        SourceRow("line 1", "u1", "a1", thread="a.jsonl: line 1", before=first),
        SourceRow("line 1", "u2\nu3", "a3\na4", thread="a.jsonl: line 1", before=second),
    ]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"comment": "a"}, "line 1 lacks reply (or response); it has comment"),
        ({"comment": "a", "reply": 5}, "line 1: reply must be a text, not int"),
        ({"comment": "a\0", "reply": "b"}, "line 1: comment holds a NUL"),
        ({"comment": "a", "reply": "b" * 1_000_001}, "line 1: reply has 1,000,001 characters"),
        ({"messages": "hi"}, "line 1: messages must be a list"),
        ({"messages": [{"role": "bot"}]}, "line 1: messages[0].role must be one of system, user"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content must be a text"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_key(write, read, item, words):
    with pytest.raises(DatasetError) as caught:
        read(write("bad.jsonl", json.dumps(item)))
    assert words in str(caught.value)
    assert "bad.jsonl" in str(caught.value)


def test_a_name_that_says_nothing_needs_a_format(write, read):
    with pytest.raises(DatasetError, match=r"data\.txt does not end in .*--format"):
        read(write("data.txt", "{}"))
