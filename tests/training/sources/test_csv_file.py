"""CSV files are read row by row; what is wrong with one is said in a line."""

import csv

import pytest

from data.errors import DatasetError
from training.sources.pairs import Columns
from training.sources.reading import Reading
from training.sources.row import SourceRow

HEAD = "Comment,Response\n"


def test_rows_are_numbered_as_in_a_spreadsheet(write, read):
    path = write("a.csv", HEAD + 'hi,"one\ntwo, ""three"""  \n\nbye,now\n')
    assert read(path) == [
        SourceRow("row 2", "hi", 'one\ntwo, "three"'),
        SourceRow("row 4", "bye", "now"),
    ]


def test_columns_may_have_other_names_and_more_may_be_used(write, read):
    path = write("a.csv", "Q,id,A,topic,where,who,points\nhi,7,yo,food,t1,ann,-3\nhi,8,ye,,,,\n")
    columns = Columns("Q", "A", "where", "who", "points")
    assert read(path, Reading(columns=columns)) == [
        SourceRow("row 2", "hi", "yo", "food", "t1", "ann", -3),
        SourceRow("row 3", "hi", "ye"),
    ]


def test_a_stray_quote_may_be_taken_for_text(write, read):
    path = write("a.csv", HEAD + '"say "hi" there","yes"\n')
    assert read(path, Reading(lenient_quotes=True))[0].reply == "yes"
    with pytest.raises(DatasetError, match=r"a\.csv, row 2 .*broken quote.*--quotes lenient"):
        read(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the header lacks comment, reply (or response); it has no column"),
        ("Post,Answer\na,b\n", "lacks comment, reply (or response); it has Post, Answer: name"),
        ("Comment,Answer\na,b\n", "lacks reply (or response); it has Comment, Answer: name"),
        (HEAD + 'a,b\n"c,d\ne,f\n', "row 3 (from line 3) has a broken quote"),
        (HEAD + 'a,b\n\n"c"d,e\n', "row 4 (from line 4) has a broken quote"),
        (HEAD + "a,b,c\n", "row 2 has 3 cells, the header has 2 (Comment, Response)"),
        (HEAD + "a\n", "row 2 has 1 cells, the header has 2"),
        (HEAD + "a,b\nc,d\0e\n", "row 3: Response holds a NUL (character 2)"),
        (HEAD + "a,b\n" + "x" * 10_000_000 + ",d\n", "row 3: Comment has 10,000,000 characters"),
        (HEAD + 'a,"' + "x\n" * 9_000_000, "row 2 (from line 2) has a broken quote or a cell over"),
        (HEAD + "a," + "x" * 17_000_000, "line 2 has more than 16,000,000 characters"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_row_and_column(write, read, content, words):
    with pytest.raises(DatasetError) as caught:
        read(write("bad.csv", content))
    assert words in str(caught.value)
    assert "bad.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_score_that_is_no_number_is_named(write, read):
    path = write("a.csv", "Comment,Response,points\na,b,many\n")
    with pytest.raises(DatasetError, match="row 2: points must be a whole number, not 'many'"):
        read(path, Reading(columns=Columns(score="points")))


def test_the_process_keeps_its_own_field_limit(write, read):
    before = csv.field_size_limit()
    read(write("a.csv", HEAD + "a,b\n"))
    assert csv.field_size_limit() == before
