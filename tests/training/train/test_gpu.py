"""On a GPU: paged 8-bit states, bfloat16, and going on after a break. Skipped elsewhere."""

from dataclasses import replace

import pytest
import torch

from training.artifacts.figures import FIGURES, FigureLog
from training.recipe import read_recipe
from training.train import trainer
from training.train.gradient_step import EagerStep
from training.train.train import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU"),
]


class Crash(BaseException):
    """Nothing catches it."""


def silent(line):
    """For tests that do not look at what is said."""


def losses(job):
    figures = FigureLog(job.out / FIGURES).read()
    return [f.loss if f.validation_loss is None else f.validation_loss for f in figures]


@pytest.mark.parametrize("checkpointing", ["on", "off"])
def test_goes_on_to_the_same_losses(job, monkeypatch, tmp_path, checkpointing):
    changes = ["lora.dropout=0.2", f"schedule.checkpointing={checkpointing}"]
    job = replace(job, recipe=read_recipe(job.config, changes))
    whole = replace(job, out=tmp_path / "whole")
    manifest = train(whole, silent)
    assert manifest.figures["validation_loss"] < manifest.figures["base_validation_loss"]
    assert manifest.figures["memory_mib"] > 0
    calls, real = iter(range(100)), EagerStep.__call__

    def step(self, batches, tokens):
        if next(calls) == 3:
            raise Crash
        return real(self, batches, tokens)

    with monkeypatch.context() as patched:
        patched.setattr(EagerStep, "__call__", step)
        with pytest.raises(Crash):
            train(job, silent)
    lines: list[str] = []
    train(job, lines.append)
    assert "going on after step 2" in lines
    assert losses(job) == pytest.approx(losses(whole), abs=1e-4)


def test_graphs_learn_what_single_kernels_learn(job, monkeypatch, tmp_path):
    """The tiny model's steps as graphs, with and without checkpointing, and one by one."""
    found = []
    for name, checkpointing in (("graph", "off"), ("checkpointed", "on"), ("eager", "off")):
        recipe = read_recipe(job.config, [f"schedule.checkpointing={checkpointing}"])
        one = replace(job, recipe=recipe, out=tmp_path / name)
        with monkeypatch.context() as patched:
            if name == "eager":
                patched.setattr(trainer, "new_gradient_step", eager_step)
            else:
                patched.setattr(EagerStep, "__call__", None)  # it must not be used
            train(one, silent)
        found.append(losses(one))
    assert found[0] == pytest.approx(found[2], rel=1e-2)
    assert found[1] == pytest.approx(found[2], rel=1e-2)


def eager_step(module, accelerator, _trained, _recipe):
    return EagerStep(accelerator.prepare(module), accelerator)
