"""`python -m training train`: its options, and how it refuses."""

import shutil

import pytest

from model.loading.manifest import read_manifest
from training.__main__ import main


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("FUNGPT_HOME", str(tmp_path / "var"))
    return tmp_path / "var"


def test_data_and_adapter_have_their_places(job, home, capsys):
    shutil.copytree(job.data, home / "training" / "data")
    call = ["train", "--config", str(job.config), "--set", "lora.r=2", "--set", "name=mine"]
    assert main(call) == 0
    manifest = read_manifest(home / "training" / "mine")
    assert manifest is not None
    assert manifest.config["lora"]["r"] == 2
    assert [path.name for path in (home / "training").iterdir() if path.name != "data"] == ["mine"]
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert lines[0] == "loading tiny in 4 bits"
    assert lines[1] == "12 rows to learn from, 4 rows to validate on"
    assert any(line.startswith("step 6/6  loss ") and line.endswith(" left") for line in lines)
    assert lines[-1].endswith(f"wrote {home / 'training' / 'mine'}")
    assert "\x1b" not in printed.err


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ["--set", "lora.rank=4"],
            "training: --set: lora.rank: no such key; known are r, alpha, dropout, targets",
        ),
        (["--set", "seed"], "training: --set seed: give key=value, as in schedule.epochs=2"),
        (
            ["--set", "schedule.max_tokens=50", "--set", "schedule.too_long=refuse"],
            'or let schedule.too_long="shorten" keep their ends or "drop" leave them out',
        ),
        (
            ["--set", "schedule.too_long=cut"],
            "schedule.too_long: Input should be 'shorten', 'drop' or 'refuse', not 'cut'",
        ),
        (
            ["--set", "schedule.max_tokens=16"],
            "even when shortened (the longest has 53): raise schedule.max_tokens",
        ),
    ],
)
def test_a_bad_setting_is_one_line(job, tmp_path, capsys, options, line):
    call = ["train", "--config", str(job.config), "--data", str(job.data)]
    assert main([*call, "--out", str(job.out), *options]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith(line)
    assert not job.out.exists()
    assert not job.work_folder.exists()


def test_a_training_that_makes_it_worse_fails(misled, capsys):
    job = misled
    call = ["train", "--config", str(job.config), "--data", str(job.data), "--out", str(job.out)]
    assert main([*call, "--set", "schedule.learning_rate=0.1", "--set", "stopping.every=1"]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("training: no adapter is kept: the validation loss was ")
    assert not job.out.exists()


def test_the_work_folder_can_lie_elsewhere(job, tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise KeyboardInterrupt

    work = tmp_path / "elsewhere"
    call = ["train", "--config", str(job.config), "--data", str(job.data), "--out", str(job.out)]
    call += ["--work", str(work)]
    with monkeypatch.context() as patched:
        patched.setattr("training.train.train.save_adapter", fail)
        assert main(call) == 130
    assert f"goes on from the last checkpoint in {work}" in capsys.readouterr().err
    assert main([*call, "--set", "seed=9"]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"training: {work} holds an unfinished training with another seed")
    assert main(call) == 0
    assert "going on after step 6" in capsys.readouterr().err
    assert not work.exists()
