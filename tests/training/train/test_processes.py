"""Two processes under `accelerate launch` train what one trains, and only the first speaks."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from model.loading.manifest import read_manifest
from training.artifacts.adapter import WEIGHTS
from training.artifacts.figures import FIGURES, FigureLog
from training.recipe import read_recipe
from training.train.train import train

ROOT = Path(__file__).resolve().parents[3]
# 12 rows: the last step of an epoch has one, and leaves the second process with nothing.
OVERRIDES = ["schedule.batch_size=11", "schedule.epochs=2"]
COMPARED = ("loss", "validation_loss", "grad_norm", "learning_rate")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def launch(job, tmp_path):
    call = [
        *(
            sys.executable,
            "-m",
            "accelerate.commands.launch",
            "--multi_gpu",
            "--num_processes",
            "2",
        ),
        *("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"),
        *("--main_process_port", str(free_port()), "-m", "training", "train"),
        *("--config", str(job.config), "--data", str(job.data), "--out", str(job.out)),
    ]
    for override in OVERRIDES:
        call += ["--set", override]
    environment = os.environ | {"FUNGPT_HOME": str(tmp_path / "var"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        call, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_two_processes_train_what_one_trains(job, tmp_path):
    done = launch(job, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    for said in ("loading tiny in 4 bits", "best at step", "wrote "):
        assert sum(said in line for line in lines) == 1, done.stderr
    alone = replace(job, recipe=read_recipe(job.config, OVERRIDES), out=tmp_path / "alone")
    train(alone, lambda line: None)
    one, two = (FigureLog(each.out / FIGURES).read() for each in (alone, job))
    assert [f.step for f in two] == [f.step for f in one]
    for ours, theirs in zip(two, one, strict=True):
        pairs = [(getattr(ours, name), getattr(theirs, name)) for name in COMPARED]
        assert [mine for mine, _ in pairs] == [
            None if other is None else pytest.approx(other, rel=1e-4) for _, other in pairs
        ]
    weights = [load_file(each.out / WEIGHTS) for each in (alone, job)]
    for name, tensor in weights[0].items():
        assert_close(weights[1][name].float(), tensor.float(), atol=1e-3, rtol=1e-2)
    manifest = read_manifest(job.out)
    assert manifest is not None
    assert manifest.figures["processes"] == 2
    assert not job.work_folder.exists()
