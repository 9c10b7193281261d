"""Rows wait until their source's encoding is known, and come back as they went in."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.records import Turn
from training.prepare.cleaning.rule import CleaningChoice, CleaningRule
from training.prepare.cleaning.source_cleaner import SourceCleaner
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow

ENCODED = frozenset({CleaningRule.ENTITIES, CleaningRule.ESCAPES})
TEXT = st.text(st.characters(), max_size=9)
MAYBE = st.none() | TEXT
TURNS = st.lists(st.builds(Turn, st.sampled_from(["system", "user", "assistant"]), TEXT))
ROWS = st.lists(
    st.builds(
        SourceRow, TEXT, TEXT, TEXT, MAYBE, MAYBE, MAYBE, st.none() | st.integers(),
        TURNS.map(tuple),
    )
    | st.builds(DroppedRow, st.sampled_from(DropReason), TEXT, TEXT)
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_rows_come_back_as_they_were(tmp_path_factory, rows):
    scratch = tmp_path_factory.mktemp("scratch")
    cleaner = SourceCleaner(CleaningChoice(), scratch)
    assert list(cleaner.ready("a.csv", "csv", iter(rows), "")) == rows
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("choice", "format_", "read"),
    [
        (CleaningChoice(), "csv", 2),
        (CleaningChoice(), "export", 1),
        (CleaningChoice(without=ENCODED), "csv", 1),
        (CleaningChoice(decode=ENCODED), "csv", 1),
        (CleaningChoice(decode=frozenset({CleaningRule.ENTITIES})), "csv", 2),
    ],
)
def test_rows_wait_only_where_the_encoding_is_not_known(tmp_path, choice, format_, read):
    seen: list[str] = []

    def rows():
        for place in ("line 1", "line 2"):
            seen.append(place)
            yield SourceRow(place, "a", "b")

    ready = SourceCleaner(choice, tmp_path).ready("a", format_, rows(), "")
    assert next(ready).place == "line 1"
    assert len(seen) == read


def test_the_next_source_is_judged_anew(tmp_path: Path):
    cleaner = SourceCleaner(CleaningChoice(), tmp_path)
    encoded = [SourceRow("row 2", "a &lt; b", "c &amp; d")] * 2
    plain = [SourceRow("row 2", "write &amp; for it", "so")]
    list(cleaner.ready("one.csv", "csv", encoded, "one.csv, "))
    assert cleaner.clean("a &lt; b", "row 2") == "a < b"
    list(cleaner.ready("two.csv", "csv", plain, "two.csv, "))
    assert cleaner.clean("write &amp; for   it", "row 2") == "write &amp; for it"
    assert [(one.source, one.rule, one.undone) for one in cleaner.encodings] == [
        ("one.csv", "entities", True), ("one.csv", "escapes", False),
        ("two.csv", "entities", False), ("two.csv", "escapes", False),
    ]  # fmt: skip
    places = {record.rule: [e.place for e in record.examples] for record in cleaner.records()}
    assert places[CleaningRule.ENTITIES] == ["one.csv, row 2"]
    assert places[CleaningRule.SPACES] == ["two.csv, row 2"]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"without": ENCODED, "decode": ENCODED}, "entities, escapes cannot be asked for and"),
        ({"decode": frozenset({CleaningRule.EDITS})}, "edits cannot be decoded, only entities"),
    ],
)
def test_a_choice_that_contradicts_itself_is_refused(choice, words):
    with pytest.raises(ValueError, match=words):
        CleaningChoice(**choice)
