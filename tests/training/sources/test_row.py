"""Cells as spreadsheets and pandas write them."""

import json
import math

import pytest

from data.errors import DatasetError
from training.sources.pairs import Columns
from training.sources.reading import Reading
from training.sources.row import SourceRow, int_cell, name_cell, text_cell

COLUMNS = Columns(thread="thread", author="author", score="score")


@pytest.mark.parametrize(
    ("value", "number"),
    [("5.0", 5), (5.0, 5), (" -3 ", -3), ("+2.", 2), ("NaN", None), (math.nan, None), ("", None),
     (None, None), ("<NA>", None)],
)  # fmt: skip
def test_a_score_may_be_written_as_a_fraction_or_not_at_all(value, number):
    assert int_cell("a", "score", value) == number


@pytest.mark.parametrize("value", ["5.5", 5.5, "many", True, math.inf, [5], "1e3", "1_0"])
def test_what_is_no_whole_number_is_named(value):
    with pytest.raises(DatasetError, match="a: score must be a whole number, not"):
        int_cell("a", "score", value)


@pytest.mark.parametrize(
    ("value", "name"),
    [("ann", "ann"), (5, "5"), (5.0, "5"), (math.nan, None), ("nan", None), ("", None)],
)
def test_nobody_is_called_nan(value, name):
    assert name_cell(value) == name


@pytest.mark.parametrize("value", [None, math.nan, "NaN", "nan", "#N/A"])
def test_a_cell_of_nan_holds_no_text(value):
    assert text_cell("a", "comment", value) == ""


@pytest.mark.parametrize("text", ["nana", "None", "null", "N/A?"])
def test_words_that_look_like_it_are_texts(text):
    assert text_cell("a", "comment", text) == text


def test_cells_of_nan_are_no_thread_and_no_author(write, read):
    head = "comment,reply,thread,author,score\n"
    row = SourceRow("row 2", "a", "b")
    assert read(write("a.csv", f"{head}a,b,NaN,nan,NaN\n"), Reading(columns=COLUMNS)) == [row]
    line = json.dumps(dict.fromkeys(("thread", "author", "score"), math.nan))
    path = write("a.jsonl", '{"comment": "a", "reply": "b", ' + line[1:])
    assert read(path, Reading(columns=COLUMNS)) == [SourceRow("line 1", "a", "b")]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Comment,Response,Comment", "the header has 2 columns for the comment (Comment, Comment)"),
        ("Comment,comment,Reply", "the header has 2 columns for the comment (Comment, comment)"),
        ("Comment,Reply,Response", "2 columns for the reply (Reply, Response): rename or remove"),
    ],
)
def test_a_column_that_stands_twice_is_named(write, read, header, words):
    with pytest.raises(DatasetError) as caught:
        read(write("a.csv", f"{header}\na,b,c\n"))
    assert words in str(caught.value)


def test_a_column_that_stands_twice_and_is_not_read_does_no_harm(write, read):
    path = write("a.csv", "Comment,x,x,Response,,\na,1,2,b,,\n")
    assert read(path) == [SourceRow("row 2", "a", "b")]
    path = write("b.csv", "Comment,Reply,Response\na,b,c\n")
    assert read(path, Reading(columns=Columns(reply="Response")))[0].reply == "c"


@pytest.mark.parametrize(("name", "content"), [
    ("a.jsonl", '{"comment": "a", "reply": "b", "reply": "c"}'),
    ("a.json", '[{"comment": "a", "reply": "b", "reply": "c"}]'),
])  # fmt: skip
def test_a_key_that_stands_twice_is_named(write, read, name, content):
    with pytest.raises(DatasetError, match=r"1 is not JSON .the key 'reply' stands twice"):
        read(write(name, content))


def test_a_column_of_another_shape_that_stands_twice_is_named(write, read):
    with pytest.raises(DatasetError, match="the header has output twice"):
        read(write("a.csv", "instruction,output,Output\na,b,c\n"))
