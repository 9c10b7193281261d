"""Manifests are read as they were written, and damage is named."""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from model.errors import ConfigError
from model.loading.manifest import (
    AdapterManifest,
    BaseRecord,
    DataRecord,
    file_sha256,
    read_manifest,
    write_manifest,
)

MANIFEST = AdapterManifest(
    name="demo",
    base=BaseRecord(id="SmolLM2", hash="sha256:aa"),
    adapter_hash="sha256:bb",
    data=DataRecord(path="data/sample_pairs.jsonl", sha256="cc", rows=7, licence="CC0-1.0"),
    config={"seed": 1, "lora": {"r": 8}},
    code_version="1",
    figures={"validation_loss": 3.25},
    created=datetime(2024, 5, 4, 12, tzinfo=UTC),
)


def test_is_read_as_it_was_written(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == MANIFEST


def test_no_manifest_is_none(tmp_path):
    assert read_manifest(tmp_path) is None


def test_a_manifest_from_before_rows_were_counted_is_read(tmp_path):
    whole = MANIFEST.model_dump(mode="json")
    for new in ("rows_shortened", "rows_left_out"):
        del whole["data"][new]
    (tmp_path / "manifest.json").write_text(json.dumps(whole))
    assert read_manifest(tmp_path) == MANIFEST


@pytest.mark.parametrize(
    ("shortened", "left_out", "words"),
    [
        (None, None, "7 rows"),
        (0, 0, "7 rows"),
        (2, 0, "7 rows (2 shortened: too long)"),
        (2, 1, "7 rows (2 shortened, 1 more left out: too long)"),
    ],
)
def test_what_was_learned_is_said_in_words(shortened, left_out, words):
    counts = {"rows_shortened": shortened, "rows_left_out": left_out}
    assert MANIFEST.data.model_copy(update=counts).learned == words


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"name": "demo"', '"nome": "demo"', "name: Field required"),
        ('"rows": 7', '"rows": "many"', "data.rows: Input should be a valid integer"),
        ('"format": 1', '"format": 1, "extra": 2', "extra: Extra inputs"),
        ("{", "[", "the file: Invalid JSON"),
    ],
)
def test_damage_is_one_clear_line(tmp_path, old, new, words):
    write_manifest(tmp_path, MANIFEST)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_manifest(tmp_path)
    assert words in str(caught.value)
    assert "manifest.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_manifest_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_file_is_hashed_as_a_whole(tmp_path):
    content = b"adapter" * 100_000
    (tmp_path / "file").write_bytes(content)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()
