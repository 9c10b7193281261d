"""A check is remembered for what it compared, and for nothing else."""

import json
import os
from pathlib import Path

import pytest
import torch

from model.runner.check_record import CheckRecords, check_key
from tests.fakes.tiny_model import make_tiny

CPU = torch.device("cpu")
KEY = "a" * 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("records") / "tiny")


def key(folder: Path, computed: str = "cpu packed", max_context: int = 512) -> str:
    return check_key(folder, computed, CPU, max_context)


def add(records: CheckRecords, key: str = KEY) -> None:
    records.add(key, "the-model", "cpu packed", function=1e-6, served=0.01)


def test_what_was_added_is_known(tmp_path):
    records = CheckRecords(tmp_path / "home")
    assert not records.has(KEY)
    add(records)
    assert records.has(KEY)
    assert CheckRecords(tmp_path / "home").has(KEY)
    assert not records.has("b" * 64)
    assert [path.name for path in (tmp_path / "home" / "checks").iterdir()] == [f"{KEY}.json"]


def test_the_key_is_of_all_that_decides_the_numbers(folder, tmp_path):
    first = key(folder)
    assert first == key(folder)
    assert key(folder, computed="cpu nf4") != first
    assert key(folder, max_context=64) != first
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert key(copy) == first, "the place does not matter"
    os.utime(copy / "model.safetensors", (1, 1))
    assert key(copy) == first, "the time does not matter"
    weights = copy / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert key(copy) != first, "one bit of a weight, with the same size"
    weights.write_bytes(content)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.5}))
    assert key(copy) != first


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"key": "' + KEY + '"}', "\x00" * 9, "a folder"]
)
def test_a_damaged_record_is_not_believed(tmp_path, content, caplog):
    records = CheckRecords(tmp_path)
    add(records)
    path = tmp_path / "checks" / f"{KEY}.json"
    path.unlink()
    if content == "a folder":
        path.mkdir()
    else:
        path.write_text(content)
    assert not records.has(KEY)
    assert "checked again" in caplog.text


def test_the_record_of_another_base_is_not_believed(tmp_path):
    records = CheckRecords(tmp_path)
    add(records, "b" * 64)
    (tmp_path / "checks" / f"{'b' * 64}.json").rename(tmp_path / "checks" / f"{KEY}.json")
    assert not records.has(KEY)


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path, caplog):
    (tmp_path / "home").write_text("a file where a folder should be")
    records = CheckRecords(tmp_path / "home")
    add(records)
    assert "the-model is checked again at each start" in caplog.text
    assert not records.has(KEY)
