"""The commands: what they print, how they refuse."""

import errno

import pytest

from training.__main__ import main


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("FUNGPT_HOME", str(tmp_path / "var"))


def test_prepare_prints_the_counts(write_pairs, tmp_path, capsys):
    rows = [("is soup a meal", "yes"), ("golf or jazz", "jazz"), ("who cooks", "me"),
            ("[deleted]", "hm")]  # fmt: skip
    assert main(["prepare", str(write_pairs(rows)), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "4 pairs" in printed
    assert "1 dropped: deleted" in printed


def test_train_evaluate_and_compare(job, base, tmp_path, capsys):
    adapter, page = tmp_path / "made", tmp_path / "page.md"
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"id": "a", "prompt": "hello"}\n')
    data = ["--data", str(job.data)]
    put = ["--base", str(base.folder), "--prompts", str(prompts)]
    named = ["--adapters", f"base,tuned={adapter}", "--max-tokens", "5"]
    assert main(["train", "--config", str(job.config), *data, "--out", str(adapter)]) == 0
    assert "best at step" in capsys.readouterr().err
    assert main(["evaluate", *put, *named, *data, "--out", str(tmp_path / "report")]) == 0
    assert "warning" not in capsys.readouterr().out
    assert main(["compare", *put, "--adapter", str(adapter), "--page", str(page)]) == 0
    assert "of 1 take a position" in capsys.readouterr().out
    assert page.read_text().startswith("# What the demo adapter changes")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["prepare", "none.jsonl", "--out", "x"], "none.jsonl cannot be read"),
        (["train", "--config", "none.toml", "--data", "d", "--out", "x"], "none.toml cannot be"),
        (["evaluate", "--base", "no-such/base", "--data", "d"], "no-such/base"),
    ],
)
def test_problems_are_one_line_and_exit_code_1(arguments, words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    line = printed.err.strip().splitlines()[-1]
    assert line.startswith("training: ")
    assert words in line
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["train"], ["prepare", "a", "--sead", "1"]])
def test_a_wrong_call_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "see --help" in capsys.readouterr().err


def test_ctrl_c_is_no_traceback(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.prepare.prepare.prepare", interrupt)
    assert main(["prepare", "a", "--out", "b"]) == 130
    assert "stopped" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_one_line(write_pairs, tmp_path, capsys):
    (tmp_path / "file").touch()
    source = str(write_pairs([("is soup a meal", "yes"), ("golf or jazz", "jazz"), ("who", "me")]))
    assert main(["prepare", source, "--out", str(tmp_path / "file" / "out")]) == 1
    assert capsys.readouterr().err.startswith("training: ")


def test_a_full_disk_is_one_line_and_leaves_nothing(job, tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "adapter_model.safetensors")

    monkeypatch.setattr("peft.PeftModel.save_pretrained", full)
    call = ["train", "--config", str(job.config), "--data", str(job.data)]
    assert main([*call, "--out", str(tmp_path / "made")]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == "training: adapter_model.safetensors: No space left on device"
    assert not (tmp_path / "made").exists()
    assert not list(tmp_path.glob(".*partial*"))
