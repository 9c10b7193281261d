"""Preparing: nothing leaks between sides, the same input gives the same bytes, all is counted."""

import json
import tempfile
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import DatasetError
from data.files.datasets import PAIRS, read_pairs
from model.loading.manifest import file_sha256, read_manifest
from tests.training.similarity import similarity
from training.errors import PreparationError, PreparedDataError
from training.prepare.card import read_card
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.sides import Shares, Side

WORDS = ["soup", "war", "golf", "jazz", "rent", "mars", "is", "good", "bad", "why", "SOUP!", "&lt;"]
TEXT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
ROWS = st.lists(st.tuples(TEXT, TEXT), min_size=3, max_size=25)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def texts(folder: Path, side: Side) -> list[str]:
    pairs = read_pairs(folder / f"{side}.jsonl")
    return [text for pair in pairs for text in (pair.comment, pair.reply)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.integers(0, 9))
def test_no_text_of_one_side_is_near_a_text_of_another(rows, seed):
    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place) / "pairs.jsonl", Path(place) / "out"
        lines = (json.dumps({"comment": comment, "reply": reply}) for comment, reply in rows)
        source.write_text("\n".join(lines), encoding="utf-8")
        try:
            prepare(source, out, PrepareOptions(seed=seed, shares=Shares(0.3, 0.3)))
        except PreparationError:
            assert not out.exists()
            return
        for one, other in combinations(Side, 2):
            for text in texts(out, one):
                assert all(similarity(text, far) < 0.6 for far in texts(out, other))


def test_the_same_input_gives_the_same_bytes(write_pairs, tmp_path):
    source = write_pairs([(f"question {n} {n * n}", f"answer {n * 7919}") for n in range(40)])
    for name in ("first", "second"):
        prepare(source, tmp_path / name, PrepareOptions(seed=4))
    prepare(source, tmp_path / "other", PrepareOptions(seed=5))
    assert files(tmp_path / "first") == files(tmp_path / "second")
    assert files(tmp_path / "first") != files(tmp_path / "other")


def test_the_card_counts_what_each_step_dropped(write_pairs, tmp_path):
    kept = [("is soup a meal", "yes it is"), ("who likes golf", "nobody"), ("mars or moon", "moon")]
    source = write_pairs(
        [
            *kept,
            ("[deleted]", "a reply to nothing"),
            ("gone again", "&nbsp;"),
            ("Is SOUP a meal?", "Yes, it is!"),
            ("so is soup a meal", "yes it is."),
        ]
    )
    card = prepare(source, tmp_path / "out", PrepareOptions())
    counts = {step.step: step.rows for step in card.dropped if step.rows}
    assert counts == {"deleted": 1, "empty": 1, "exact duplicates": 1, "near duplicates": 1}
    examples = {step.step: step.examples for step in card.dropped if step.rows}
    assert examples == {
        "deleted": ("line 4: a reply to nothing",),
        "empty": ("line 5: reply is empty: gone again",),
        "exact duplicates": ("line 6: Is SOUP a meal?",),
        "near duplicates": ("line 7: so is soup a meal",),
    }
    assert card.source.rows == 7
    assert card.source.sha256 == file_sha256(source)
    assert card == read_card(tmp_path / "out")
    for side, record in card.sides.items():
        path = tmp_path / "out" / f"{side}.jsonl"
        assert record.sha256 == file_sha256(path)
        assert record.rows == len(read_pairs(path)) == 1


def test_a_repeated_question_with_another_answer_stays_with_the_first(write_pairs, tmp_path):
    things = ["soup", "golf", "jazz", "mars", "rent", "ties", "cake", "moss", "yarn", "kelp"]
    rows = [(f"{thing} {thing}", f"{thing[::-1]}!") for thing in things]
    rows += [("soup soup", "something else entirely")]
    card = prepare(write_pairs(rows), tmp_path / "out", PrepareOptions())
    assert sum(step.rows for step in card.dropped) == 0
    sides = [side for side in Side if "soup soup" in texts(tmp_path / "out", side)]
    assert len(sides) == 1


def test_the_card_does_not_tell_where_the_source_lies(write_pairs, tmp_path):
    card = prepare(write_pairs([("a b", "c d"), ("e f", "g h"), ("i j", "k l")]),
                   tmp_path / "out", PrepareOptions())  # fmt: skip
    assert card.source.path == "pairs.jsonl"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "0 of 0 pairs are left"),
        ([("one", "row")], "1 of 1 pairs are left"),
        ([("same text", "same reply")] * 9, "1 of 9 pairs are left (8 exact duplicates)"),
        ([("one", "row"), ("a", "")], "1 of 2 pairs are left (1 empty)"),
        ([("one", "row"), ("a", "")], "dropped at line 2: reply is empty: a"),
        ([("[deleted]", "x")] * 4, "0 of 4 pairs are left (4 deleted)"),
    ],
)
def test_too_little_is_one_clear_line(write_pairs, tmp_path, rows, words):
    with pytest.raises(PreparationError) as caught:
        prepare(write_pairs(rows), tmp_path / "out", PrepareOptions())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_pairs_that_are_all_near_each_other_cannot_be_divided(write_pairs, tmp_path):
    rows = [("is soup a meal for me", f"{word} thing") for word in ("alpha", "bravo", "delta")]
    with pytest.raises(PreparationError, match="nearly the same"):
        prepare(write_pairs(rows), tmp_path / "out", PrepareOptions())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ('{"comment": "a", "reply": "b"}\n{"comment": ', "line 2 is not JSON"),
        ('{"comment": "a", "reply": "b"}\n\n{"comment": 5, "reply": "b"}', "line 3: comment must"),
        ('{"comment": "a"}', "line 1 lacks reply"),
    ],
)
def test_a_bad_source_is_one_clear_line_with_its_number(tmp_path, content, words):
    source = tmp_path / "bad.jsonl"
    if content is not None:
        source.write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        prepare(source, tmp_path / "out", PrepareOptions())
    assert words in str(caught.value)
    assert "bad.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_was_prepared_before_stays_when_the_new_fails(write_pairs, tmp_path):
    prepare(write_pairs([("a b", "c d"), ("e f", "g h"), ("i j", "k l")]),
            tmp_path / "out", PrepareOptions())  # fmt: skip
    before = files(tmp_path / "out")
    with pytest.raises(PreparationError):
        prepare(write_pairs([("a", "b")]), tmp_path / "out", PrepareOptions())
    assert files(tmp_path / "out") == before
    assert not list(tmp_path.glob(".*partial*"))


@pytest.mark.parametrize("content", [None, "{}", "[", '{"format": "x"}'])
def test_a_broken_card_is_one_clear_line(tmp_path, content):
    if content is not None:
        (tmp_path / "card.json").write_text(content, encoding="utf-8")
    with pytest.raises(PreparedDataError) as caught:
        read_card(tmp_path)
    assert "card.json" in str(caught.value)
    assert "prepare" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_sample_pairs_are_prepared_as_the_shipped_adapter_had_them(tmp_path):
    manifest = read_manifest(PAIRS.parent / "adapters" / "demo")
    assert manifest is not None
    card = prepare(PAIRS, tmp_path / "out", PrepareOptions(seed=manifest.config["prepare_seed"]))
    assert card.sides[Side.TRAIN].sha256 == manifest.config["prepared_train_sha256"]
    assert sum(step.rows for step in card.dropped) == 0
