"""Test rows that were trained on are refused; what cannot be known is said."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.files.datasets import Pair, read_pairs
from model.loading.manifest import (
    AdapterManifest,
    BaseRecord,
    DataRecord,
    file_sha256,
    write_manifest,
)
from training.errors import EvaluationError
from training.evaluate.leakage import refuse_overlap, unchecked_adapters
from training.prepare.card import read_card
from training.prepare.sides import Side
from training.train.examples import read_side

ROW = Pair("What do you think about soup today?", "Soup is the best thing in winter.")
WHERE = Path("train.jsonl")


@pytest.mark.parametrize(
    "seen",
    [
        ROW,
        Pair(ROW.comment, "Something else."),
        Pair("Something else?", ROW.reply),
        Pair("WHAT do you think, about  soup today", "no"),
    ],
)
def test_a_row_a_comment_or_a_reply_seen_before_is_refused(seen):
    other = Pair("Is golf a sport?", "No.")
    with pytest.raises(EvaluationError, match=r"1 of 2 test rows .*test row 2 is row 3 of train"):
        refuse_overlap([other, ROW], [Pair("a", "b"), Pair("c", "d"), seen], WHERE)


def test_short_texts_may_be_said_twice_but_not_the_same_pair():
    refuse_overlap([Pair("why", "no")], [Pair("why", "because"), Pair("when", "no")], WHERE)
    with pytest.raises(EvaluationError):
        refuse_overlap([Pair("why", "no")], [Pair("Why?", "No!")], WHERE)


def test_comment_and_reply_are_not_exchanged():
    refuse_overlap([ROW], [Pair(ROW.reply, ROW.comment)], WHERE)


def write_adapter(folder, data, **changes):
    folder.mkdir()
    values = {"source": "0" * 64, "train": file_sha256(data / "train.jsonl")} | changes
    manifest = AdapterManifest(
        name="a",
        base=BaseRecord(id="b", hash="c"),
        adapter_hash="d",
        data=DataRecord(path="other.csv", sha256=values["source"], rows=1, licence="CC0-1.0"),
        config={"prepared_train_sha256": values["train"]},
        code_version="e",
        figures={},
        created=datetime(2024, 5, 4, tzinfo=UTC),
    )
    write_manifest(folder, manifest)
    return {"tuned": folder}


def unchecked(adapters, data, trained_on=()):
    return unchecked_adapters(adapters, data, read_side(data, Side.TEST), trained_on)


def test_an_adapter_of_this_training_side_is_in_order(prepared, tmp_path):
    assert unchecked(write_adapter(tmp_path / "a", prepared), prepared) == []


def test_an_adapter_without_a_manifest_is_said(prepared, tmp_path):
    (tmp_path / "a").mkdir()
    (line,) = unchecked({"tuned": tmp_path / "a"}, prepared)
    assert line.startswith("tuned: its manifest does not say")


def test_another_split_of_the_same_file_is_said(prepared, tmp_path):
    source = read_card(prepared).source.sha256
    adapters = write_adapter(tmp_path / "a", prepared, train="1" * 64, source=source)
    (line,) = unchecked(adapters, prepared)
    assert "another split of the same file" in line


def test_another_folder_is_said_or_looked_at(prepared, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.jsonl").write_text('{"comment": "is tea good", "reply": "it is fine"}\n')
    seen = file_sha256(other / "train.jsonl")
    adapters = write_adapter(tmp_path / "a", prepared, train=seen)
    (line,) = unchecked(adapters, prepared)
    assert "--trained-on" in line
    assert "other.csv" in line
    assert unchecked(adapters, prepared, [other]) == []


def test_test_rows_in_the_other_folder_are_refused(prepared, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    row = read_pairs(prepared / "test.jsonl")[0]
    line = json.dumps({"comment": row.comment, "reply": row.reply})
    (other / "train.jsonl").write_text(line + "\n")
    seen = file_sha256(other / "train.jsonl")
    adapters = write_adapter(tmp_path / "a", prepared, train=seen)
    with pytest.raises(EvaluationError, match="were trained on"):
        unchecked(adapters, prepared, [other])
