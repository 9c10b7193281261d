import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.config.env_example import render
from bot.config.settings import NAMES, SECRETS, BotSettings, load_settings
from bot.errors import SettingsError
from model.settings import WorkerSettings, allowed, explain

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in set(os.environ) & set(NAMES):
        monkeypatch.delenv(name)


@pytest.fixture
def load(tmp_path):
    def load_text(text):
        path = tmp_path / ".env"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings(path)

    return load_text


def test_env_example_is_the_settings_own_text():
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == render()


def test_env_example_uncommented_gives_the_defaults(load):
    lines = [line for line in render().splitlines() if line[2:].partition("=")[0] in NAMES]
    assert len(lines) == len(NAMES)
    assert load("\n".join(line.removeprefix("# ") for line in lines)) == load_settings(None)


def test_every_setting_says_what_it_means_and_what_is_allowed():
    for name, field in BotSettings.model_fields.items():
        assert field.description, name
        assert allowed(name, BotSettings), name


def test_defaults_and_sampling():
    settings = load_settings(None)
    assert (settings.queue_max, settings.queue_per_user, settings.worker_concurrency) == (100, 3, 8)
    assert settings.default_variant == "tuned"
    assert settings.database == Path("var/fungpt.db")
    sampling = settings.sampling(9)
    assert (sampling.max_tokens, sampling.temperature, sampling.seed) == (256, 0.5, 9)
    assert settings.log_number == 20


def test_the_environment_wins_over_the_file_and_others_are_no_concern(load, monkeypatch):
    monkeypatch.setenv("TOP_K", "7")
    monkeypatch.setenv("SOMETHING_ELSE", "x")
    monkeypatch.setenv("MIN_P", "")
    settings = load("TOP_K=3\nexport MAX_TOKENS=5 # short\nmin_p='0.1'\n")
    assert (settings.top_k, settings.max_tokens, settings.min_p) == (7, 5, 0.1)


def test_an_absent_file_is_no_error(tmp_path):
    assert load_settings(tmp_path / "none") == load_settings(None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MAX_TOKNS=3", "there is no setting MAX_TOKNS; did you mean MAX_TOKENS"),
        ("XYZZY=1", "no setting XYZZY; see .env.example"),
        ("A=1\njust words", "line 2: this is not of the form NAME=value"),
        ("TOP_K", "line 1: this is not"),
        ("TOP_K='3", "line 1: this is not"),
        ("MAX_TOKENS=x", "MAX_TOKENS='x' is not allowed: it must be a whole number from 1"),
        ("TEMPERATURE=nan", "TEMPERATURE='nan' is not allowed: it must be a number from 0 to 2"),
        ("QUEUE_MAX=0", "QUEUE_MAX='0' is not allowed"),
        ("LOG_LEVEL=LOUD", "it must be DEBUG, INFO, WARNING or ERROR"),
        ("WORKER_URL=localhost:80", "it must be an http(s) URL"),
        ("WORKER_MODELS=base", "WORKER_MODELS='base' is not allowed: it must be name=the server's"),
        ("WORKER_MODELS=a=x,a=y", "WORKER_MODELS='a=x,a=y' is not allowed"),
        ("WORKER_MODELS=my base=x", "WORKER_MODELS='my base=x' is not allowed"),
        ("TOP_P=0\nMIN_P=2", "TOP_P='0' is not allowed.*; MIN_P='2' is not allowed"),
        (b"PERSONA=\xff", "is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(load, text, message):
    with pytest.raises(SettingsError, match=message.replace("(s)", r"\(s\)")) as error:
        load(text)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_settings(tmp_path)


def test_secrets_are_shown_nowhere(load, monkeypatch):
    settings = load("DISCORD_TOKEN=hush\nWORKER_API_KEY=hush\nHF_TOKEN=hush")
    assert "hush" not in f"{settings} {settings!r}"
    assert settings.worker_environment()["WORKER_API_KEY"] == "hush"
    assert {"discord_token", "worker_api_key", "hf_token"} == SECRETS
    for name in SECRETS:
        with pytest.raises(ValidationError) as refused:
            BotSettings.model_validate({name: ["hush"]})
        assert "hush" not in explain(refused.value, BotSettings)


def test_a_setting_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load_settings(None).top_k = 3


def test_what_is_passed_to_the_worker_has_the_workers_names_and_defaults(monkeypatch):
    environment = load_settings(None).worker_environment()
    worker = {name.upper(): field for name, field in WorkerSettings.model_fields.items()}
    for name, value in environment.items():
        assert str(worker[name].default) == value, name
    monkeypatch.setenv("ADAPTERS", "a=b,c=d")
    assert load_settings(None).worker_environment()["ADAPTERS"] == "a=b,c=d"


def test_what_privacy_shows_is_short_enough_to_be_shown(load):
    settings = load("PRIVACY_POLICY_URL=https://example.org/p\nDISCORD_TRAINING_PERMISSION=' 7 '\n")
    assert settings.privacy_policy_url == "https://example.org/p"
    assert settings.discord_training_permission == "7"
    for name, value in (
        ("PRIVACY_POLICY_URL", "https://" + "p" * 193),
        ("PRIVACY_POLICY_URL", "our page"),
        ("DISCORD_TRAINING_PERMISSION", "r" * 201),
    ):
        with pytest.raises(SettingsError, match=f"{name}=.* is not allowed: it must be"):
            load(f"{name}='{value}'\n")


def test_the_names_of_the_workers_models(load):
    text = "WORKER_MODELS=base=org/Model-7B:free, tuned = fun=lora,"
    assert load(f"{text}\nWORKER_URL=http://h:1").model_names == {
        "base": "org/Model-7B:free",
        "tuned": "fun=lora",
    }
    assert load(text).model_names == {}  # the bot's own worker has its own names
