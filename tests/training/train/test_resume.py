"""Training that breaks off anywhere goes on to the same adapter."""

import errno
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.artifacts.adapter import WEIGHTS
from training.artifacts.figures import FIGURES, FigureLog
from training.errors import CheckpointError, NotBetter, OtherJobError, OutOfMemory
from training.recipe import read_recipe
from training.train.checkpoint import LAST, Checkpoints
from training.train.gradient_step import EagerStep
from training.train.train import train

ROOT = Path(__file__).resolve().parents[3]


class Crash(BaseException):
    """Nothing catches it."""


@pytest.fixture
def with_dropout(job):
    recipe = read_recipe(job.config, ["lora.dropout=0.2", "schedule.epochs=3", "stopping.every=2"])
    return replace(job, recipe=recipe)


def silent(line):
    """For tests that do not look at what is said."""


def weights(job):
    return (job.out / WEIGHTS).read_bytes()


def told(job):
    """The figures that must not depend on breaks: all but speed and memory."""
    return [
        (f.step, f.loss, f.validation_loss, f.learning_rate, f.grad_norm)
        for f in FigureLog(job.out / FIGURES).read()
    ]


@pytest.fixture
def undisturbed(with_dropout, tmp_path):
    job = replace(with_dropout, out=tmp_path / "undisturbed")
    train(job, silent)
    return job


def test_kill_9_and_the_same_command_give_the_same_adapter(job, tmp_path):
    overrides = [
        "lora.dropout=0.2",
        "schedule.epochs=24",
        "stopping.every=5",
        "stopping.patience=90",
    ]
    call = [sys.executable, "-m", "training", "train", "--config", str(job.config),
            "--data", str(job.data), "--out", str(job.out)]  # fmt: skip
    for override in overrides:
        call += ["--set", override]
    environment = os.environ | {"FUNGPT_HOME": str(tmp_path / "var")}
    with subprocess.Popen(
        call, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        seen = next((line for line in run.stderr if "validation loss" in line), "")
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL, seen
    assert not job.out.exists()
    assert (job.work_folder / LAST).is_file()
    lines: list[str] = []
    job = replace(job, recipe=read_recipe(job.config, overrides))
    train(job, lines.append)
    step = next(int(m[1]) for line in lines if (m := re.match(r"going on after step (\d+)", line)))
    assert step >= 5
    assert not job.work_folder.exists()
    whole = replace(job, out=tmp_path / "whole")
    train(whole, silent)
    assert weights(job) == weights(whole)
    assert told(job) == told(whole)


def crash_in_step(monkeypatch):
    calls = iter(range(100))
    real = EagerStep.__call__

    def step(self, batches, tokens):
        if next(calls) == 5:
            raise Crash
        return real(self, batches, tokens)

    monkeypatch.setattr(EagerStep, "__call__", step)


def crash_before_the_checkpoint(monkeypatch):
    calls, real = iter(range(100)), Checkpoints.save

    def save(self, checkpoint):
        if next(calls) == 2:
            raise Crash
        real(self, checkpoint)

    monkeypatch.setattr(Checkpoints, "save", save)


def crash_at_the_end(monkeypatch):
    def write(folder, manifest):
        raise Crash

    monkeypatch.setattr("training.train.train.write_manifest", write)


def crash_after_the_end(monkeypatch):
    def remove(self):
        raise Crash

    monkeypatch.setattr(Checkpoints, "remove", remove)


def crash_while_leaving(monkeypatch):
    def leave(self):
        raise Crash

    monkeypatch.setattr(Checkpoints, "leave_figures", leave)


def break_off(job, monkeypatch, crash):
    with monkeypatch.context() as patched:
        crash(patched)
        with pytest.raises(Crash):
            train(job, silent)


@pytest.mark.parametrize(
    "crash", [crash_in_step, crash_before_the_checkpoint, crash_at_the_end, crash_after_the_end]
)
def test_wherever_it_breaks_off_it_goes_on_to_the_same(
    with_dropout, undisturbed, monkeypatch, crash
):
    break_off(with_dropout, monkeypatch, crash)
    lines: list[str] = []
    train(with_dropout, lines.append)
    assert any(line.startswith("going on after step") for line in lines)
    assert weights(with_dropout) == weights(undisturbed)
    assert told(with_dropout) == told(undisturbed)
    assert not with_dropout.work_folder.exists()


@pytest.mark.parametrize("crash", [crash_in_step, crash_before_the_checkpoint, crash_while_leaving])
def test_a_training_that_makes_it_worse_ends_alike_wherever_it_breaks_off(
    misled, monkeypatch, tmp_path, crash
):
    stopping = misled.recipe.stopping.model_copy(update={"patience": 9})
    job = replace(misled, recipe=misled.recipe.model_copy(update={"stopping": stopping}))
    whole = replace(job, out=tmp_path / "whole")
    with pytest.raises(NotBetter) as undisturbed:
        train(whole, silent)
    break_off(job, monkeypatch, crash)
    lines: list[str] = []
    with pytest.raises(NotBetter) as resumed:
        train(job, lines.append)
    assert any(line.startswith("going on after step") for line in lines)
    assert str(resumed.value) == str(undisturbed.value).replace("whole.work", "adapter.work")
    assert not job.out.exists()
    assert losses(job.work_folder) == losses(whole.work_folder)


def losses(folder):
    return [(f.step, f.loss, f.validation_loss) for f in FigureLog(folder / FIGURES).read()]


def test_eight_bit_states_survive_too(with_dropout, monkeypatch, tmp_path):
    recipe = with_dropout.recipe
    schedule = recipe.schedule.model_copy(update={"optimizer": "paged_adamw_8bit"})
    job = replace(with_dropout, recipe=recipe.model_copy(update={"schedule": schedule}))
    whole = replace(job, out=tmp_path / "whole")
    train(whole, silent)
    break_off(job, monkeypatch, crash_in_step)
    train(job, silent)
    assert weights(job) == weights(whole)


def test_a_full_disk_keeps_the_last_checkpoint(with_dropout, undisturbed, monkeypatch):
    calls = iter(range(100))

    def write(file, content):
        file.write(content[:500])
        if next(calls) == 2:  # the job's file, one checkpoint, then this
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file.write(content[500:])

    with monkeypatch.context() as patched:
        patched.setattr("training.train.checkpoint.write_all", write)
        with pytest.raises(CheckpointError) as caught:
            train(with_dropout, silent)
    path = with_dropout.work_folder / LAST
    assert str(caught.value) == f"{path} cannot be written: No space left on device"
    assert not with_dropout.out.exists()
    checkpoint = Checkpoints(with_dropout.work_folder).last()
    assert checkpoint is not None
    assert checkpoint.state.step == 2
    train(with_dropout, silent)
    assert weights(with_dropout) == weights(undisturbed)


def test_out_of_memory_keeps_the_last_checkpoint_and_less_may_go_on(with_dropout, monkeypatch):
    calls, real = iter(range(100)), EagerStep.__call__

    def step(self, batches, tokens):
        if next(calls) == 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return real(self, batches, tokens)

    with monkeypatch.context() as patched:
        patched.setattr(EagerStep, "__call__", step)
        with pytest.raises(OutOfMemory, match=r"lower schedule\.row_tokens \(now 2048\)"):
            train(with_dropout, silent)
    less = with_dropout.recipe.schedule.model_copy(update={"row_tokens": 128})
    recipe = with_dropout.recipe.model_copy(update={"schedule": less})
    lines: list[str] = []
    train(replace(with_dropout, recipe=recipe), lines.append)
    assert "going on after step 4" in lines


def test_another_recipe_is_refused_until_it_begins_anew(with_dropout, monkeypatch):
    break_off(with_dropout, monkeypatch, crash_in_step)
    other = replace(with_dropout, recipe=with_dropout.recipe.model_copy(update={"seed": 8}))
    with pytest.raises(OtherJobError, match=r"another seed \(3, not 8\)"):
        train(other, silent)
    lines: list[str] = []
    train(replace(other, fresh=True), lines.append)
    assert not any(line.startswith("going on") for line in lines)


def test_ctrl_c_says_how_to_go_on(with_dropout, monkeypatch):
    class Interrupting:
        def show(self, moment):
            if moment.step == 4:
                raise KeyboardInterrupt

    lines: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        train(with_dropout, lines.append, progress=Interrupting())
    assert lines[-1].startswith("the same command goes on from the last checkpoint in ")


def test_dropout_is_another_in_every_step_and_the_same_in_every_run(with_dropout, job, tmp_path):
    def first_losses(job, name):
        job = replace(job, out=tmp_path / name)
        train(job, silent)
        return [figure[1] for figure in told(job)]

    again = [first_losses(with_dropout, name) for name in ("a", "b")]
    assert again[0] == again[1]
    plain = replace(job, recipe=read_recipe(job.config, ["schedule.epochs=3"]))
    assert first_losses(plain, "c") != again[0]
