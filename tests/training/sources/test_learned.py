"""What a file says is not to be learned is not learned, whatever its shape, and is counted."""

import json

import pytest

from data.errors import DatasetError
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow

TURNS = [{"role": "user", "content": "soup?"}, {"role": "assistant", "content": "yes"}]
SHAPES = {
    "chat": {"messages": TURNS},
    "sharegpt": {"conversations": [{"from": "human", "value": "soup?"},
                                   {"from": "gpt", "value": "yes"}]},
    "alpaca": {"instruction": "soup?", "input": "", "output": "yes"},
    "prompt-completion": {"prompt": "soup?", "completion": "yes"},
    "prompt-completion in turns": {"prompt": TURNS[:1], "completion": TURNS[1:]},
}  # fmt: skip
PAIR = {"comment": "soup?", "reply": "yes"}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mark", [{"weight": 0}, {"weight": 0.0}, {"label": False},
                                  {"train": False}, {"training": False}])  # fmt: skip
def test_a_marked_row_is_counted_and_not_learned(write, read, shape, mark):
    source = write("a.jsonl", json.dumps(SHAPES[shape] | mark))
    assert read(source) == [DroppedRow(DropReason.UNLEARNED, "line 1", "yes")]


@pytest.mark.parametrize("shape", [*SHAPES, "pairs"])
@pytest.mark.parametrize("mark", [{"weight": 1}, {"weight": None}, {"label": True}, {"label": 0},
                                  {"train": "no"}, {"training": None}])  # fmt: skip
def test_other_values_are_no_marks(write, read, shape, mark):
    [row] = read(write("a.jsonl", json.dumps((SHAPES | {"pairs": PAIR})[shape] | mark)))
    assert isinstance(row, SourceRow)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weight", [0.5, 2, "0", True])
def test_another_weight_is_refused_by_name(write, read, shape, weight):
    source = write("a.jsonl", json.dumps(SHAPES[shape] | {"weight": weight}))
    with pytest.raises(DatasetError, match="line 1: weight must be 0 or 1, not"):
        read(source)


@pytest.mark.parametrize("flag", ["train", "training"])
def test_turns_have_flags_too(write, read, flag):
    turns = [*TURNS[:1], TURNS[1] | {flag: False}, *TURNS]
    rows = read(write("a.jsonl", json.dumps({"messages": turns})))
    assert [type(row) for row in rows] == [DroppedRow, SourceRow]


def test_the_weight_of_a_pair_may_be_a_column_of_something_else(write, read):
    for name, content in (
        ("a.csv", "Comment,Weight,Response\na,0,b\nc,70 kg,d\ne,1,f\ng,0.0,h\ni,,j\n"),
        (
            "a.jsonl",
            "".join(json.dumps(PAIR | {"weight": w}) + "\n" for w in (0, 70, 1, "0", None)),
        ),
    ):
        rows = read(write(name, content))
        assert [isinstance(row, SourceRow) for row in rows] == [False, True, True, False, True]
