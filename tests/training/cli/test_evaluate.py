"""`python -m training evaluate`: what it takes, prints and writes."""

import json
from pathlib import Path

import pytest

from model.assembly import load_adapters
from model.errors import DemoModelError
from model.loading.adapter_sources import SHIPPED_ADAPTER
from model.loading.adapters import load_adapter
from model.loading.base import no_progress
from model.loading.quantised import check_architecture
from model.loading.registry import Registry
from model.settings import WorkerSettings
from tests.fakes.tiny_model import make_adapter, make_whole_adapter
from training.__main__ import main
from training.cli.evaluate import parse_adapters
from training.errors import EvaluationError
from training.evaluate.voice.states import StateReader
from training.ship.gate import AlwaysOpen
from training.ship.promote import promote


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("FUNGPT_HOME", str(tmp_path / "var"))
    return tmp_path / "var"


@pytest.fixture
def call(base, prepared, tmp_path):
    adapter = make_adapter(base.folder, tmp_path / "tuned")
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"id": "a", "prompt": "hello there"}\n')
    return [
        "evaluate", "--base", str(base.folder), "--data", str(prepared), "--prompts", str(prompts),
        "--adapters", f"base,tuned={adapter}", "--max-tokens", "5", "--limit", "2",
    ]  # fmt: skip


def test_it_prints_the_table_and_writes_the_page(call, tmp_path, capsys):
    out = tmp_path / "report"
    assert main([*call, "--out", str(out), "--temperature", "0.3", "--seed", "7"]) == 0
    printed = capsys.readouterr()
    assert "takes a position" in printed.out
    assert "tuned − base" in printed.out
    assert "warning: tuned: its manifest does not say" in printed.out
    assert f"wrote {out}/report.html" in printed.out
    assert "tuned: answers: 2 done" in printed.err
    found = json.loads((out / "report.json").read_text())
    assert found["sampling"]["temperature"] == 0.3
    assert found["sampling"]["seed"] == 7
    assert found["sampling"]["max_tokens"] == 5
    assert "hello there" in (out / "report.html").read_text()


def test_the_page_and_the_terminal_say_who_judged(call, tmp_path, monkeypatch, capsys):
    def missing(home, progress):
        raise DemoModelError("no network for <it>")

    assert main([*call, "--out", str(tmp_path / "one")]) == 0
    assert "warning: disclaimers" not in capsys.readouterr().out
    page = (tmp_path / "one" / "report.html").read_text()
    assert "goes by words and the demo model&#39;s hidden states. On 741 sentences" in page
    assert "The lesser judge" not in page

    monkeypatch.setattr(StateReader, "open", missing)
    assert main([*call, "--out", str(tmp_path / "two")]) == 0
    note = "disclaimers and positions are judged by words alone: no network for <it>"
    assert f"warning: {note}\n" in capsys.readouterr().out
    page = (tmp_path / "two" / "report.html").read_text()
    assert "goes by words alone. On 741 sentences" in page
    assert "judged by words alone: no network for &lt;it&gt;" in page
    one, two = (
        json.loads((tmp_path / name / "report.json").read_text()) for name in ("one", "two")
    )
    assert (one["voice_note"], two["voice_note"]) == ("", note)
    # Each judge's own errors are in the intervals.
    assert one["classifier"] != two["classifier"]


def test_without_a_folder_it_takes_one_of_its_own(call, home):
    assert main(call) == 0
    assert len(list((home / "reports").glob("*/report.html"))) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--adapters", "base,nobody"], "no adapter nobody"),
        (["--adapters", "base,base"], "base is named twice"),
        (["--adapters", "tuned="], "'tuned=' is not base"),
        (["--adapters", ","], "names nobody"),
        (["--temperature", "9"], "--temperature: Input should be less"),
        (["--top-p", "0"], "--top-p: "),
        (["--limit", "0"], "--limit must be 1"),
        (["--word-list", "none.txt"], "none.txt cannot be read"),
        (["--prompts", "none.jsonl"], "none.jsonl cannot be read"),
    ],
)
def test_problems_are_one_line_and_leave_nothing(call, options, words, tmp_path, capsys, home):
    assert main([*call, *options, "--out", str(tmp_path / "report")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    line = printed.err.splitlines()[-1]
    assert line.startswith("training: ")
    assert words in line
    assert not (tmp_path / "report").exists()
    assert not home.exists()


def promote_as(name: str, base, home: Path, folder: Path) -> Path:
    """Make a whole adapter in `folder`, promote it, and give the registry's folder."""
    make_whole_adapter(base, folder)
    registry = Registry(home)
    promote(folder, name, base, registry, AlwaysOpen(), lambda *_: None)
    kept = registry.folder(name)
    assert kept is not None
    return kept


def test_adapters_are_named(tmp_path, base):
    mine = promote_as("mine", base, tmp_path, tmp_path / "some")
    found = parse_adapters("base, tuned,mine, other=~/x", "demo", tmp_path)
    assert found == {
        "base": None,
        "tuned": SHIPPED_ADAPTER,
        "mine": mine,
        "other": Path("~/x").expanduser(),
    }
    with pytest.raises(EvaluationError):
        parse_adapters("base=folder", "demo", tmp_path)


def test_a_promoted_adapter_is_meant_by_its_name(tmp_path, base):
    promoted = promote_as("tuned", base, tmp_path, tmp_path / "some")
    assert parse_adapters("tuned", "demo", tmp_path) == {"tuned": promoted}


def test_a_name_means_what_the_worker_serves(tmp_path, base, monkeypatch):
    monkeypatch.setenv("ADAPTERS", f"tuned={tmp_path}")
    assert parse_adapters("tuned", "demo", tmp_path) == {"tuned": tmp_path}
    promoted = promote_as("tuned", base, tmp_path, tmp_path / "some")
    settings = WorkerSettings(fungpt_home=tmp_path, base_model=str(base.folder))
    served = load_adapters(settings, base, check_architecture(base), no_progress)
    assert [adapter.source for adapter in served] == [str(promoted)]
    assert parse_adapters("tuned", "demo", tmp_path) == {"tuned": promoted}


def test_a_promoted_adapter_is_evaluated_and_its_hash_printed(call, base, home, tmp_path, capsys):
    folder = promote_as("spicy", base, home, tmp_path / "some")
    assert main([*call, "--adapters", "base,spicy", "--out", str(tmp_path / "report")]) == 0
    config = check_architecture(base)
    hash_ = load_adapter("spicy", str(folder), base, config, no_progress).card.hash
    assert f"spicy: {folder}, {hash_[:19]}" in capsys.readouterr().out
    assert hash_[:19] in (tmp_path / "report" / "report.html").read_text()
