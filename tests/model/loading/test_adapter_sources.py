"""A name means one adapter: the promoted one, else the one that the settings give it."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.errors import ConfigError
from model.loading.adapter_sources import (
    SHIPPED_ADAPTER,
    adapter_source,
    configured_adapters,
    named_adapters,
)
from model.loading.registry import CURRENT, Current, Promotion, Registry

VERSION = "0123456789abcdef"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home")


def put(registry: Registry, name: str) -> Path:
    """Promote an empty folder as `name`."""
    folder = registry.root / name / VERSION
    folder.mkdir(parents=True)
    promotion = Promotion(
        version=VERSION, adapter=name, adapter_hash="sha256:0", promoted=datetime.now(UTC)
    )
    written = Current(promotions=(promotion,)).model_dump_json()
    (registry.root / name / CURRENT).write_text(written, encoding="utf-8")
    return folder


def test_what_was_promoted_answers_and_else_what_the_settings_name(registry: Registry):
    configured = {"tuned": "some/where", "other": "else/where"}
    promoted = put(registry, "tuned")
    assert adapter_source("tuned", registry, configured) == str(promoted)
    assert adapter_source("other", registry, configured) == "else/where"
    with pytest.raises(ConfigError, match="no adapter nobody; there are: tuned, other"):
        adapter_source("nobody", registry, configured)


def test_names_of_the_settings_come_first(registry: Registry):
    spicy, tuned = put(registry, "spicy"), put(registry, "tuned")
    found = named_adapters(registry, {"plain": "p", "tuned": "t"})
    assert [(one.name, one.promoted, one.configured) for one in found] == [
        ("plain", None, "p"), ("tuned", tuned, "t"), ("spicy", spicy, None),
    ]  # fmt: skip
    assert [one.source for one in found] == ["p", str(tuned), str(spicy)]


def test_a_damaged_promotion_is_not_taken_for_another_adapter(registry: Registry):
    put(registry, "tuned").rmdir()
    with pytest.raises(ConfigError, match="is missing"):
        adapter_source("tuned", registry, {"tuned": "t"})
    [left] = named_adapters(registry, {"tuned": "t"})
    assert left.promoted is None


def test_without_a_setting_the_demo_model_has_the_shipped_adapter():
    assert configured_adapters(None, "demo") == {"tuned": str(SHIPPED_ADAPTER)}
    assert configured_adapters(None, "some/base") == {}
    assert configured_adapters("a=x", "demo") == {"a": "x"}
    assert configured_adapters("none", "demo") == {}
    with pytest.raises(ConfigError, match="ADAPTERS='a' is not allowed: 'a' is not of the form"):
        configured_adapters("a", "demo")


def test_names_are_known_without_torch():
    program = "import sys, model.loading.adapter_sources; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
