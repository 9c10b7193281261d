"""Many rows: memory does not grow with them, bytes do not depend on the process."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.bench.prepare import measure, write_csv
from training.prepare.card import read_card
from training.prepare.prepare import PrepareOptions, prepare

ROOT = Path(__file__).resolve().parents[3]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "pairs.csv"
    write_csv(path, 2_000)
    return path


def write_long(path, rows):
    random = Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("Comment,Response\n")
        for _ in range(rows):
            words = [f"{random.getrandbits(32):x}" for _ in range(400)]
            file.write(f"{' '.join(words[:200])},{' '.join(words[200:])}\n")


def test_memory_does_not_grow_with_the_rows(tmp_path):
    peaks = []
    for rows in (1_200, 3_600):
        write_long(tmp_path / "long.csv", rows)
        peaks.append(measure(tmp_path / "long.csv", tmp_path / "out")[1])
    # 9 MB of text more: in memory it would stand twice, as it is and normalised.
    assert peaks[1] - peaks[0] < 10


def test_the_bytes_do_not_depend_on_the_hash_seed(source, tmp_path):
    program = [sys.executable, "-m", "training", "prepare", str(source), "--out"]
    for seed in ("1", "2"):
        subprocess.run(
            [*program, str(tmp_path / seed)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    assert files(tmp_path / "1") == files(tmp_path / "2")
    assert read_card(tmp_path / "1").near_search == "minhash"


def test_signatures_divide_as_comparing_all_does(tmp_path):
    few = tmp_path / "few.csv"
    write_csv(few, 500)
    exact = prepare(few, tmp_path / "exact", PrepareOptions(exact_up_to=1_000_000))
    found = prepare(few, tmp_path / "found", PrepareOptions(exact_up_to=0))
    assert (exact.near_search, found.near_search) == ("exact", "minhash")
    assert exact.sides == found.sides
    assert exact.dropped == found.dropped
