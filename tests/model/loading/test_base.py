"""Which base model is meant: demo, a folder, or the hub, each with one clear line when it fails."""

import shutil
from pathlib import Path

import huggingface_hub
import pytest
from httpx2 import ProxyError
from huggingface_hub import constants
from huggingface_hub.errors import HFValidationError

from model.errors import ConfigError
from model.loading import base as base_module
from model.loading.base import (
    ResolvedBase,
    folder_fingerprint,
    hub_snapshot,
    local_folder,
    resolve_base,
)
from model.loading.demo import DEMO_ID, DEMO_SHA256
from tests.fakes.tiny_model import make_tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture
def folder(tiny, tmp_path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "tiny-llama"))


def quiet(stage: str, progress: float | None) -> None:
    """Nobody listens."""


def test_a_folder_is_its_own_name_and_fingerprint(folder):
    found = resolve_base(str(folder), Path("unused"), quiet)
    assert found == ResolvedBase("tiny-llama", folder, folder_fingerprint(folder))
    assert found.hash.startswith("sampled-sha256:")


def test_a_folder_may_be_written_from_home_or_from_here(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder.parent)
    expected = resolve_base(str(folder), Path("unused"), quiet)
    assert resolve_base("~/tiny-llama", Path("unused"), quiet) == expected
    assert resolve_base("tiny-llama", Path("unused"), quiet) == expected


def test_the_fingerprint_sees_every_part_of_the_weights(folder):
    before = folder_fingerprint(folder)
    (folder / "README.md").write_text("not part of the model")
    assert folder_fingerprint(folder) == before
    path = folder / "model.safetensors"
    weights = bytearray(path.read_bytes())
    for at in (0, len(weights) // 2, len(weights) - 1):
        weights[at] ^= 1
        path.write_bytes(weights)
        after = folder_fingerprint(folder)
        assert after != before
        before = after
    path.rename(folder / "other.safetensors")
    assert folder_fingerprint(folder) != before


def test_the_fingerprint_sees_config_and_weights_of_the_older_format(folder):
    before = folder_fingerprint(folder)
    with (folder / "config.json").open("a") as config:
        config.write(" ")
    assert folder_fingerprint(folder) != before
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"one")
    before = folder_fingerprint(folder)
    (folder / "pytorch_model.bin").write_bytes(b"two")
    assert folder_fingerprint(folder) != before


def test_a_folder_without_config_is_no_model(tmp_path):
    with pytest.raises(ConfigError, match=r"BASE_MODEL=.*no config\.json"):
        resolve_base(str(tmp_path), Path("unused"), quiet)


@pytest.mark.parametrize(
    "name", ["a/b/c", "./nowhere", "/nowhere/at/all", "~nobody-here/x", " ", "x" * 5000, "a--b"]
)
def test_a_name_that_is_neither_folder_nor_hub_id(name):
    with pytest.raises(ConfigError, match="neither a folder here nor a hub id") as refused:
        resolve_base(name, Path("unused"), quiet)
    assert str(refused.value).startswith(f"BASE_MODEL={name}")
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    assert local_folder(str(tmp_path / "file")) is None
    assert local_folder(str(tmp_path)) == tmp_path


@pytest.fixture
def offline(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("offline")
def test_without_the_hub_a_hub_id_fails_in_one_line():
    told: list[str] = []
    with pytest.raises(ConfigError, match="the hub does not give it") as refused:
        resolve_base("someone/some-model", Path("unused"), lambda stage, _: told.append(stage))
    assert str(refused.value).startswith("BASE_MODEL=someone/some-model: no such folder here")
    assert "HF_TOKEN" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert told == ["fetching someone/some-model from the hub"]


def failing(error: Exception):
    def download(*_: object, **__: object) -> str:
        raise error

    return download


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("first\nsecond"), r"\(first\)"),
        (ProxyError("the proxy refuses"), r"\(the proxy refuses\)"),
        (TimeoutError(), r"\(TimeoutError\)"),
        (HFValidationError("long\ntext"), "neither a folder here nor a hub id"),
    ],
)
def test_whatever_the_hub_answers_is_one_line(monkeypatch, error, words):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", failing(error))
    with pytest.raises(ConfigError, match=words) as refused:
        hub_snapshot("a/b", "ADAPTERS: tuned=a/b", quiet)
    assert str(refused.value).startswith("ADAPTERS: tuned=a/b: ")
    assert len(str(refused.value).splitlines()) == 1


def test_a_hub_model_is_known_by_its_revision(monkeypatch, tmp_path):
    asked: dict[str, object] = {}

    def download(repo_id: str, **options: object) -> str:
        asked.update(options, repo_id=repo_id)
        return str(tmp_path / "abc123")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    found = resolve_base("a/b", Path("unused"), quiet)
    assert found == ResolvedBase("a/b", tmp_path / "abc123", "revision:abc123")
    assert asked["repo_id"] == "a/b"
    assert "*.bin" not in str(asked["allow_patterns"])
    assert "consolidated" in str(asked["ignore_patterns"]), "no second copy of the weights"


def test_demo_is_the_pinned_model(monkeypatch, tmp_path):
    monkeypatch.setattr(base_module, "demo_folder", lambda home, _: home / "demo-folder")
    found = resolve_base("demo", tmp_path, quiet)
    assert found == ResolvedBase(DEMO_ID, tmp_path / "demo-folder", f"sha256:{DEMO_SHA256}")
