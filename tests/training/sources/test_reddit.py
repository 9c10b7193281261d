"""Comments of a dump are joined to their replies by id."""

import json
from dataclasses import replace

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import DatasetError
from tests.fakes.one_source import open_source
from training.sources.formats import Format
from training.sources.reading import Reading, open_sources
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow

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


EARLIER = str.maketrans("234", "123")  # the places without the first line


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
    path = write("RC.jsonl", dump([COMMENTS[0] | changes]))
    with pytest.raises(DatasetError) as caught:
        read(path, Reading(strict=True))
    assert words in str(caught.value)
    [row] = read(path)
    assert (row.reason, row.place) == (DropReason.BROKEN, "line 1")
    assert words == f"line 1: {row.text}"[: len(words)]


def test_another_kind_of_dump_is_named(write, read):
    path = write("RS.jsonl", '{"id": "s1", "title": "Soup?"}')
    with pytest.raises(DatasetError, match="line 1 lacks body, parent_id: is it a dump of"):
        read(path, Reading(format=Format.REDDIT, strict=True))


BROKEN = [
    (b'{"id": "x1", "parent_id": "t1_a1", "bo', "is not JSON"),
    (b'{"id": "x1", "id": "x2", "parent_id": "t1_a1", "body": ""}', "the key 'id' stands twice"),
    (b"[]", "is not a JSON object"),
    (b'{"id": "x1", "parent_id": "t9_a1", "body": "hm"}', "parent_id must be of a comment"),
    (b'{"id": "x1", "parent_id": [1], "body": "hm"}', "parent_id must be a Reddit id"),
]


@pytest.mark.parametrize(("line", "words"), BROKEN)
def test_a_broken_line_costs_that_line_and_is_shown(write, read, line, words):
    path = write("RC.jsonl", dump(COMMENTS).encode() + line + b"\n" + dump(COMMENTS[:1]).encode())
    rows = read(path)
    assert [row for row in rows if row not in JOINED] == [rows[0]]
    assert (rows[0].reason, rows[0].place) == (DropReason.BROKEN, "line 5")
    assert words in rows[0].text
    with pytest.raises(DatasetError, match=r"RC\.jsonl, line 5") as caught:
        read(path, Reading(strict=True))
    assert words in str(caught.value)


MENDED = [
    (rb'"cut \ud83d off"', "cut  off", "a lone surrogate"),
    (b'"a byte \xe9 of Latin-1"', "a byte   of Latin-1", "a byte that is no UTF-8"),
    (rb'"a \u0000 NUL"', "a   NUL", "a NUL"),
    (b'"a raw \0\0 NUL"', "a raw  NUL", "a NUL"),
]


@pytest.mark.parametrize(("body", "text", "what"), MENDED)
def test_a_bad_character_costs_that_character_and_is_counted(write, tmp_path, body, text, what):
    line = b'{"id": "x1", "parent_id": "t1_a1", "author": "\\udc00", "body": ' + body + b"}\n"
    path = write("RC.jsonl", dump(COMMENTS[:1]).encode() + line)
    opened = open_source(path, Reading(), tmp_path)
    [row] = opened.rows
    assert isinstance(row, SourceRow)
    assert row.reply.split() == text.split()
    found = {one.what: (one.count, one.examples) for one in opened.faults.tolerated}
    assert found[what][1] == ("line 2",)
    with pytest.raises(DatasetError, match=r"RC\.jsonl.* line 2"):
        list(open_source(path, Reading(strict=True), tmp_path).rows)


def test_a_run_of_nul_before_a_line_costs_nothing(write, read):
    path = write("RC.jsonl", b"\0" * 50 + dump(COMMENTS).encode())
    assert read(path) == JOINED


def test_a_file_of_nothing_but_broken_lines_is_no_traceback(write, read):
    rows = read(write("RC.jsonl", b"\xff\0\n" * 9), Reading(format=Format.REDDIT))
    assert [row.reason for row in rows] == [DropReason.BROKEN] * 9


def test_whole_numbers_are_ids_too(write, read):
    number = int("a1", 36)
    comments = [
        {"id": number, "parent_id": 777, "link_id": 777, "body": "Soup is a meal."},
        {"id": number + 1, "parent_id": number, "link_id": 777, "body": "Soup is a drink."},
        {"id": number + 2, "parent_id": None, "link_id": 777, "body": "On top."},
        {"id": number + 3, "parent_id": "a2", "link_id": 777, "body": "It is."},
    ]
    rows = read(write("a.jsonl", dump(comments)))
    assert [(row.comment, row.reply, row.thread) for row in rows] == [
        ("Soup is a meal.", "Soup is a drink.", "t3_ll"),
        ("Soup is a drink.", "It is.", "t3_ll"),
    ]  # fmt: skip


def test_a_parent_may_stand_in_the_file_of_another_month(write, tmp_path):
    january = write("RC_1.jsonl", dump(COMMENTS[:1]))
    february = write("RC_2.jsonl", dump(COMMENTS[1:]))
    for order in ([january, february], [february, january]):
        with open_sources(order, Reading(), tmp_path) as opened:
            rows = {path.name: list(one.rows) for path, one in zip(order, opened, strict=True)}
        assert rows["RC_1.jsonl"] == []
        assert rows["RC_2.jsonl"] == [replace(row, place=row.place.translate(EARLIER))
                                      for row in JOINED]  # fmt: skip


SUBMISSIONS = [
    {"id": "s1", "title": "Is soup a meal?", "selftext": "I say yes.", "subreddit": "food"},
    {"id": "s2", "title": "Just a link", "selftext": "[removed]", "subreddit": "food"},
]


def test_a_submission_is_what_its_direct_comments_reply_to(write, tmp_path):
    comments = [*COMMENTS[:2], {"id": "c1", "parent_id": "t3_s2", "body": "Nice."},
                {"id": "c2", "parent_id": "t3_s9", "body": "Lost."}]  # fmt: skip
    paths = [write("RC.jsonl", dump(comments)), write("RS.jsonl", dump(SUBMISSIONS))]
    with open_sources(paths, Reading(), tmp_path) as opened:
        assert [one.format for one in opened] == [Format.REDDIT] * 2
        rows = list(opened[0].rows)
        assert list(opened[1].rows) == []
    assert rows == [
        SourceRow("line 1", "Is soup a meal?\n\nI say yes.", "Soup is a meal.", "food", "t3_s1",
                  "ann", 5),
        SourceRow("line 2", "Soup is a meal.", "Soup is a drink.", "food", "t3_s1", "bob", -2),
        SourceRow("line 3", "Just a link", "Nice."),
        DroppedRow(DropReason.NO_PARENT, "line 4", "Lost."),
    ]  # fmt: skip


def test_comments_on_submissions_that_were_not_given_are_counted(write, tmp_path):
    opened = open_source(write("RC.jsonl", dump(COMMENTS)), Reading(), tmp_path)
    assert len(list(opened.rows)) == len(JOINED)
    [note] = opened.faults.tolerated
    assert (note.count, note.examples) == (1, ("line 1",))
    assert "submission" in note.what


LINES = st.lists(st.sampled_from([
    *(json.dumps(one).encode() for one in (*COMMENTS, *SUBMISSIONS)), b"", b"{", b"\0", b"\xff",
    b'"\\ud800"', b"5", b"null", b'{"body": "a"}', b'{"parent_id": 5, "body": null, "id": 3}',
    b'{"id": "a9", "parent_id": "t1_a1", "body": "\\udfff"}',
]), max_size=12)  # fmt: skip


@settings(max_examples=100, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(LINES)
def test_no_mixture_of_lines_stops_a_dump_or_hides_its_pairs(write, read, found):
    rows = read(write("RC.jsonl", b"\n".join(found)), Reading(format=Format.REDDIT))
    replies = [row.reply for row in rows if isinstance(row, SourceRow)]
    whole = [json.dumps(one).encode() in found for one in COMMENTS[:2]]
    assert ("Soup is a drink." in replies) is all(whole)
    for row in rows:
        row_text = row.reply if isinstance(row, SourceRow) else row.text
        assert row_text.encode() is not None
