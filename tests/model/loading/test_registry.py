"""What the worker reads of the registry: the version that answers, and nothing outside."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.errors import ConfigError
from model.loading.names import check_name
from model.loading.registry import Current, Promotion, Registry

OLD, NEW = "0" * 16, "0123456789abcdef"


def promotion(version: str) -> Promotion:
    return Promotion(
        version=version,
        adapter="demo",
        adapter_hash="sha256:1",
        promoted=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path)


def write(registry: Registry, name: str, *versions: str) -> Path:
    """A `current` that names these versions, the last of which has a folder."""
    home = registry.root / name
    (home / versions[-1] if versions else home).mkdir(parents=True, exist_ok=True)
    current = Current(promotions=tuple(promotion(version) for version in versions))
    (home / "current").write_text(current.model_dump_json())
    return home


def test_a_registry_that_is_not_there_is_empty(registry):
    assert registry.promoted() == {}
    assert registry.stamps() == {}
    assert registry.current("tuned").promotion is None
    assert registry.folder("tuned") is None
    assert registry.versions("tuned") == []


def test_the_last_promotion_answers(registry):
    home = write(registry, "tuned", OLD, NEW)
    write(registry, "gone")
    (home / OLD).mkdir()
    assert registry.folder("tuned") == home / NEW
    assert registry.promoted() == {"tuned": home / NEW}
    assert registry.stamps().keys() == {"tuned", "gone"}
    assert registry.versions("tuned") == [home / OLD, home / NEW]


def test_a_replaced_file_has_another_stamp(registry):
    home = write(registry, "tuned", OLD)
    before = registry.stamps()
    assert registry.stamps() == before
    (home / "beside").write_bytes((home / "current").read_bytes())
    (home / "beside").replace(home / "current")
    assert registry.stamps() != before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file: "),
        ("[]", "the file: "),
        ('{"format": 2}', "format: "),
        ('{"promotions": [{"version": "../x"}]}', "promotions.0.version: "),
        ('{"extra": 1}', "extra: "),
    ],
)
def test_a_damaged_file_is_named_and_the_others_answer(registry, text, words, caplog):
    home = write(registry, "spicy", NEW)
    (write(registry, "tuned", OLD) / "current").write_text(text)
    with pytest.raises(ConfigError, match=words) as refused:
        registry.folder("tuned")
    assert str(registry.root / "tuned" / "current") in str(refused.value)
    assert registry.promoted() == {"spicy": home / NEW}
    assert words in caplog.text


def test_a_version_without_its_folder_is_named(registry):
    home = write(registry, "tuned", NEW)
    (home / NEW).rmdir()
    with pytest.raises(ConfigError, match=f"{NEW} is missing"):
        registry.folder("tuned")
    assert registry.promoted() == {}


def test_a_file_that_cannot_be_read_is_named(registry):
    (registry.root / "tuned" / "current").mkdir(parents=True)
    with pytest.raises(ConfigError, match="current cannot be read: Is a directory"):
        registry.current("tuned")


@pytest.mark.parametrize("name", ["base", "", ".hidden", "a/b", "x" * 65, "ü"])
def test_what_cannot_name_an_adapter(registry, name):
    with pytest.raises(ValueError, match="cannot name an adapter"):
        check_name(name)
    if name in ("base", ".hidden"):
        write(registry, name, NEW)
        assert registry.stamps() == {}


def test_a_path_inside_is_taken_whole_or_from_the_root(registry):
    home = write(registry, "tuned", NEW)
    assert registry.inside(f"tuned/{NEW}") == home / NEW
    assert registry.inside(str(home / NEW)) == home / NEW
    assert registry.inside(f"tuned/../tuned/{NEW}") == home / NEW


@pytest.mark.parametrize(
    "path",
    ["", ".", "tuned", "/", "/etc", "../models/x", "tuned/../../x", "a/b/c", "tuned/link", "\0"],
)
def test_every_other_place_is_refused(registry, path, tmp_path):
    home = write(registry, "tuned", NEW)
    (tmp_path / "elsewhere" / "x").mkdir(parents=True)
    (home / "link").symlink_to(tmp_path / "elsewhere" / "x")
    with pytest.raises(ValueError, match=r"no adapter of the registry|is no path"):
        registry.inside(path)
