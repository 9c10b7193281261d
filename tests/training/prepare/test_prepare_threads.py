"""Rows of one thread or author share a side, and still no text is on two."""

import csv

import pytest

from data.errors import DatasetError
from data.files.datasets import read_pairs
from training.prepare.intake import GroupBy
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.sides import Shares, Side
from training.sources.pairs import Columns
from training.sources.reading import Reading

COLUMNS = Columns(thread="Thread", author="By")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "threads.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("Thread", "By", "Comment", "Response"))
        for number in range(120):
            reply = "lol, true" if number % 8 == 0 else f"no {number * 7919} is not {number**3}"
            writer.writerow((number // 6, number % 10, f"is {number**4} so", reply))
    return path


def kept(folder):
    return {
        side: [int(pair.comment.split()[1]) for pair in read_pairs(folder / f"{side}.jsonl")]
        for side in Side
    }


@pytest.mark.parametrize(("by", "key"), [(GroupBy.THREAD, lambda n: n // 6),
                                         (GroupBy.AUTHOR, lambda n: n % 10)])  # fmt: skip
def test_a_group_is_on_one_side(source, tmp_path, by, key):
    options = PrepareOptions(reading=Reading(columns=COLUMNS), group_by=by, shares=Shares(0.3, 0.2),
                      similarity=0.95)  # fmt: skip
    card = prepare(source, tmp_path / "out", options)
    numbers = {n**4: n for n in range(120)}
    groups = {
        side: {key(numbers[n]) for n in found} for side, found in kept(tmp_path / "out").items()
    }
    assert all(groups.values())
    assert sum(map(len, groups.values())) == len(set().union(*groups.values()))
    assert {side: record.groups for side, record in card.sides.items()} == {
        side: len(found) for side, found in groups.items()
    }
    [across] = [step for step in card.dropped if step.step == "near another side"]
    assert across.rows > 0
    assert "row " in across.examples[0]


def test_by_text_the_common_reply_keeps_its_rows_together(source, tmp_path):
    options = PrepareOptions(
        reading=Reading(columns=COLUMNS), group_by=GroupBy.TEXT, similarity=0.95
    )
    card = prepare(source, tmp_path / "out", options)
    assert "near another side" not in {step.step for step in card.dropped}
    pairs = read_pairs(tmp_path / "out" / "train.jsonl")
    assert sum(pair.reply == "lol, true" for pair in pairs) == 15


def test_a_column_that_is_not_there_is_named(source, tmp_path):
    options = PrepareOptions(reading=Reading(columns=Columns(thread="Topic")))
    with pytest.raises(DatasetError, match="lacks Topic; it has Thread, By, Comment, Response"):
        prepare(source, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
