"""Manifests are read as they were written, and damage is named."""

import hashlib
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
