"""JSON objects come one by one, from lines or from an array."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import DatasetError
from training.sources.objects import objects

VALUES = st.text(max_size=30) | st.lists(st.integers(), max_size=3)
ITEMS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=6)


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(ITEMS, st.sampled_from([None, 0, 2]))
def test_an_array_gives_its_items_however_it_is_written(write, items, indent):
    path = write("a.json", "\n " + json.dumps(items, indent=indent, ensure_ascii=False) + "\n")
    assert list(objects(path, None)) == [(f"item {n}", item) for n, item in enumerate(items, 1)]


def test_items_longer_than_a_piece_are_read(write):
    items = [{"a": "x" * 200_000, "b": n} for n in range(3)]
    path = write("a.json", json.dumps(items, indent=1))
    assert [item for _, item in objects(path, None)] == items


def test_lines_are_numbered_with_blank_ones(write):
    path = write("a.jsonl", '{"a": 1}\n\n  {"a": "\u2028"}')
    assert list(objects(path, None)) == [("line 1", {"a": 1}), ("line 3", {"a": "\u2028"})]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": 1}\n{"a": ', "line 2 is not JSON"),
        ('{"a": 1}\n"text"', "line 2 is not a JSON object"),
        ('{"a": "x\0"}', "line 1 holds a NUL (character 9)"),
        ('[{"a": 1},\n{"a" 2}]', "item 2 is not JSON"),
        ('[{"a": 1},\n{"a": 2}', "the array is not closed after item 2"),
        ("[", "the array is not closed after item 0"),
        ('[{"a": 1}, 5]', "item 2 is not a JSON object"),
        ('[{"a": 1},]', "item 2 is not JSON"),
        ('[{"a": 1} {"a": 2}]', "a comma is missing after item 1"),
        ('[{"a": 1}] {"a": 2}', "goes on after its array"),
        ("[" * 100_000, "item 1 is not JSON"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(write, content, words):
    with pytest.raises(DatasetError) as caught:
        list(objects(write("bad.json", content), None))
    assert words in str(caught.value)
    assert "bad.json" in str(caught.value)
    assert "\n" not in str(caught.value)
