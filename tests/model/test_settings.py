from pathlib import Path

import pytest

from model.errors import ConfigError
from model.loading.adapter_sources import SHIPPED_ADAPTER
from model.loading.names import parse_adapters
from model.settings import load_settings


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """No variable of this machine and no .env reaches the test."""
    monkeypatch.chdir(tmp_path)
    for name in ("BASE_MODEL", "ADAPTERS", "WORKER_API_KEY", "MAX_RUNNING", "FUNGPT_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_without_any_variable_it_is_the_demo():
    settings = load_settings()
    assert settings.base_model == "demo"
    assert settings.adapters == {"tuned": str(SHIPPED_ADAPTER)}
    assert settings.fungpt_home == Path("var")
    assert settings.worker_api_key is None


def test_another_model_has_no_adapter_of_its_own(monkeypatch):
    monkeypatch.setenv("BASE_MODEL", "mistralai/Mistral-7B-Instruct-v0.3")
    assert load_settings().adapters == {}


def test_adapters_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("ADAPTERS", "none")
    assert load_settings().adapters == {}


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("ADAPTERS", "")
    monkeypatch.setenv("BASE_MODEL", "")
    assert load_settings().adapters == {"tuned": str(SHIPPED_ADAPTER)}


def test_the_environment_wins_over_the_file(monkeypatch):
    Path(".env").write_text("MAX_RUNNING=3\nADAPTERS=tuned=/a, odd=b/c\nBOT_ONLY=x\n")
    settings = load_settings()
    assert (settings.max_running, settings.adapters) == (3, {"tuned": "/a", "odd": "b/c"})
    monkeypatch.setenv("MAX_RUNNING", "4")
    assert load_settings().max_running == 4


def test_the_key_is_masked(monkeypatch):
    monkeypatch.setenv("WORKER_API_KEY", "secret")
    assert "secret" not in repr(load_settings())
    monkeypatch.setenv("WORKER_API_KEY", "")
    assert load_settings().worker_api_key is None


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("MAX_RUNNING", "0", "1 to 1024"),
        ("MAX_WAITING", "-1", "0 to 100000"),
        ("MAX_CONTEXT", "many", "16 to 1000000"),
        ("PREFILL_CHUNK", "0", "1 to 65536"),
        ("DRAIN_S", "inf", "0 to 3600"),
        ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
        ("ADAPTERS", "tuned", "name=folder"),
        ("ADAPTERS", "base=x", "cannot name"),
        ("ADAPTERS", "a b=x", "cannot name"),
        ("ADAPTERS", "a=x,a=y", "twice"),
        ("ADAPTERS", "a=", "name=folder"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(monkeypatch, name, value, rule):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    line = str(refused.value)
    assert line.startswith(f"{name}={value!r} is not allowed: ")
    assert rule in line
    assert "\n" not in line
    assert ";" not in line


def test_all_wrong_values_stand_in_one_line(monkeypatch):
    monkeypatch.setenv("MAX_RUNNING", "0")
    monkeypatch.setenv("MAX_WAITING", "x")
    with pytest.raises(ConfigError, match=r"MAX_RUNNING=.*; MAX_WAITING="):
        load_settings()


def test_empty_entries_of_adapters_are_nothing():
    assert parse_adapters(" , a = x ,") == {"a": "x"}
