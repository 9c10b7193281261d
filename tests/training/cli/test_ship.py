"""promote, rollback and merge as a person calls them."""

import json
from pathlib import Path

import pytest

from model.loading.manifest import MANIFEST
from model.loading.registry import Current, Registry
from tests.fakes.tiny_model import make_whole_adapter
from training.__main__ import main
from training.ship.registry import locked, write_current


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch, base) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WORKER_URL", "WORKER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FUNGPT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BASE_MODEL", str(base.folder))


@pytest.fixture
def adapter(base, tmp_path) -> Path:
    make_whole_adapter(base, tmp_path / "home" / "training" / "tuned-v2")
    return tmp_path / "home" / "training" / "tuned-v2"


def test_promote_and_rollback_say_what_answers(adapter, tmp_path, capsys):
    assert main(["promote", "tuned-v2"]) == 0
    promotion = Registry(tmp_path / "home").current("tuned").promotion
    assert promotion is not None
    named = f"tuned-v2 (version {promotion.version})"
    own = "what the worker's settings name"
    looks = "a worker that runs over the same files takes it within 2 s, others at their start"
    assert capsys.readouterr().out.splitlines() == [
        f"tuned: {named} answers now; before: {own}",
        looks,
    ]
    assert main(["promote", str(adapter)]) == 0
    assert capsys.readouterr().out.startswith(f"tuned: {named} answers already\n")
    assert main(["rollback"]) == 0
    assert capsys.readouterr().out.startswith(f"tuned: {own} answers now; before: {named}\n")
    assert main(["rollback"]) == 1
    assert capsys.readouterr().err.startswith("training: nothing to roll back: ")


def test_an_override_is_shown_as_long_as_it_answers(adapter, tmp_path, capsys):
    manifest = json.loads((adapter / MANIFEST).read_text())
    manifest["figures"] = {"base_validation_loss": 4.2, "validation_loss": 15.7}
    (adapter / MANIFEST).write_text(json.dumps(manifest))
    assert main(["promote", "tuned-v2"]) == 1
    assert "is no better than its base" in capsys.readouterr().err
    assert main(["promote", "tuned-v2", "--override", "people asked for it"]) == 0
    promotion = Registry(tmp_path / "home").current("tuned").promotion
    assert promotion is not None
    named = (
        f"tuned-v2 (version {promotion.version}, no better than its base, "
        "overridden: people asked for it)"
    )
    assert capsys.readouterr().out.startswith(f"tuned: {named} answers now; before: ")
    assert main(["rollback"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(f"; before: {named}")


def test_what_the_votes_came_to_is_shown_as_long_as_it_answers(adapter, tmp_path, capsys):
    assert main(["promote", "tuned-v2"]) == 0
    registry = Registry(tmp_path / "home")
    promotion = registry.current("tuned").promotion
    assert promotion is not None
    judged = promotion.model_copy(
        update={"votes": "won 9 of 12", "refused": "too few people", "override": "the first"}
    )
    with locked(registry):
        write_current(registry, "tuned", Current(promotions=(judged,)))
    capsys.readouterr()
    assert main(["rollback"]) == 0
    shown = f"(version {promotion.version}, won 9 of 12, too few people, overridden: the first)"
    assert capsys.readouterr().out.splitlines()[0].endswith(f"; before: tuned-v2 {shown}")


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_override_needs_a_reason(adapter, capsys, reason):
    with pytest.raises(SystemExit) as caught:
        main(["promote", "tuned-v2", "--override", reason])
    assert caught.value.code == 2
    assert "give a reason" in capsys.readouterr().err


def test_another_name_and_a_worker_that_is_away(adapter, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORKER_URL", "http://127.0.0.1:9")
    assert main(["promote", "tuned-v2", "--as", "spicy"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("spicy: ")
    assert "no worker answers at http://127.0.0.1:9; " in out
    assert Registry(tmp_path / "home").folder("spicy") is not None


def test_merge_says_what_it_made(adapter, base, tmp_path, capsys):
    call = ["merge", "--adapter", str(adapter), "--base", str(base.folder), "--out", "merged"]
    assert main(call) == 0
    printed = capsys.readouterr()
    assert printed.out == "merged: 14 matrices changed, 0 MB of weights\n"
    assert printed.err == "merging model.safetensors (1 of 1)\n"
    assert (tmp_path / "merged" / "model.safetensors").is_file()


def test_merges_help_names_llama_cpps_converter(capsys):
    with pytest.raises(SystemExit):
        main(["merge", "--help"])
    assert "convert_hf_to_gguf.py DIR" in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["promote", "nope"], "no adapter 'nope'"),
        (["promote", "."], "is no whole adapter"),
        (["merge", "--adapter", "nope", "--out", "x"], "nope"),
    ],
)
def test_problems_are_one_line(arguments, words, capsys, monkeypatch, base):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if arguments[0] == "merge":
        arguments = [*arguments, "--base", str(base.folder)]
    assert main(arguments) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("training: ")
    assert words in line


@pytest.mark.parametrize("name", ["base", "a/b", ""])
def test_a_name_that_no_adapter_can_have_is_a_wrong_call(name, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["rollback", "--as", name])
    assert caught.value.code == 2
    assert "cannot name an adapter" in capsys.readouterr().err


def test_the_gate_has_one_call_site():
    root = Path(__file__).resolve().parents[3] / "training"
    calls = [path for path in root.rglob("*.py") if "gate.ruling(" in path.read_text()]
    assert [path.name for path in calls] == ["promote.py"]
