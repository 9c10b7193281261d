"""A text on two sides is found in the files themselves."""

import json

import pytest

from training.errors import PreparationError
from training.prepare.sides import Side
from training.prepare.writing import check_apart

BEFORE = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mars?"}]


def write(folder, **sides):
    for side in Side:
        rows = sides.get(side, [])
        lines = (json.dumps({"comment": c, "reply": r, "before": b}) + "\n" for c, r, *b in rows)
        (folder / f"{side}.jsonl").write_text("".join(lines), encoding="utf-8")


def test_sides_apart_are_fine(tmp_path):
    write(tmp_path, train=[("a", "b", BEFORE[0]), ("a", "c")], test=[("d", "e", BEFORE[0])])
    check_apart(tmp_path)


@pytest.mark.parametrize("row", [("A!", "x"), ("x", "b."), ("b", "x"), ("x", "y", BEFORE[1])])
def test_a_text_on_two_sides_is_found(tmp_path, row):
    write(tmp_path, train=[("a", "b"), ("mars", "z")], validation=[("k", "l")], test=[row])
    with pytest.raises(PreparationError, match=r"test\.jsonl has a text of another side"):
        check_apart(tmp_path)
