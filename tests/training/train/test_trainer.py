"""The loop: when it validates and stops, what it keeps and what it tells."""

import math
import shutil
from dataclasses import replace

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from data.files.output_marker import MARKER
from model.loading.manifest import read_manifest
from training.artifacts.adapter import WEIGHTS
from training.artifacts.figures import CURVE, FIGURES, FigureLog
from training.errors import Diverged, NotBetter
from training.prepare.card import read_card
from training.prepare.sides import Side
from training.recipe import Schedule, read_recipe
from training.train.layout import Packed, Padded
from training.train.train import train
from training.train.trainer import layout_of

CPU = torch.device("cpu")


class Watching:
    def __init__(self):
        self.moments = []

    def show(self, moment):
        self.moments.append(moment)


def silent(line):
    """For tests that do not look at what is said."""


def run(job, *overrides, name="adapter"):
    """Train with changes of the recipe; gives manifest, figures, lines and moments."""
    out = job.out.with_name(name)
    job = replace(job, recipe=read_recipe(job.config, overrides), out=out)
    lines: list[str] = []
    watching = Watching()
    manifest = train(job, lines.append, progress=watching)
    return manifest, FigureLog(out / FIGURES).read(), lines, watching.moments


def test_figures_have_a_line_for_every_step_and_every_validation(job):
    manifest, figures, _, moments = run(job, "schedule.epochs=3", "stopping.every=2")
    steps = int(manifest.figures["steps"])
    assert steps == 9  # 12 rows, 4 a step, 3 epochs
    learned = [f for f in figures if f.loss is not None]
    assert [f.step for f in learned] == list(range(1, 10))
    assert [f.epoch for f in learned] == pytest.approx([s / 3 for s in range(1, 10)], rel=1e-5)
    validated = {f.step: f.validation_loss for f in figures if f.validation_loss is not None}
    assert list(validated) == [0, 2, 4, 6, 8, 9]  # before the first, and always after the last
    assert validated[0] == pytest.approx(manifest.figures["base_validation_loss"], abs=1e-4)
    best = min((loss, step) for step, loss in validated.items() if step)
    assert best[1] == manifest.figures["best_step"]
    for figure in learned:
        assert (figure.tokens_per_second or 0) > 0
        assert (figure.memory_mib or 0) > 50
        assert (figure.grad_norm or 0) > 0
    assert learned[0].loss == pytest.approx(validated[0], rel=0.2)  # B is 0: still the base
    assert 0 < max(f.learning_rate or 0 for f in learned) <= 0.01
    assert moments[-1].step == moments[-1].steps == 9
    assert moments[-1].seconds_left == 0


def test_tokens_are_counted_without_padding(job):
    padded = run(job, "schedule.layout=padded", "schedule.epochs=1", name="padded")[0]
    packed = run(job, "schedule.layout=packed", "schedule.epochs=1", name="packed")[0]
    assert padded.figures["tokens"] == packed.figures["tokens"] > 0


@pytest.mark.parametrize(
    "overrides",
    [
        ("lora.rslora=true",),
        ("schedule.rate_of_b=4", "lora.dora=true"),
        ("schedule.noise=5",),
    ],
)
def test_variants_of_the_recipe_learn(job, overrides):
    manifest, figures, _, _ = run(job, *overrides)
    assert figures[-1].step == manifest.figures["steps"]
    assert manifest.figures["validation_loss"] < manifest.figures["base_validation_loss"]


def test_packed_and_padded_train_the_same_adapter(job):
    losses = []
    for layout in ("padded", "packed"):
        _, figures, _, _ = run(job, f"schedule.layout={layout}", name=layout)
        losses.append([f.loss for f in figures if f.loss is not None])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    padded, packed = (load_file(job.out.with_name(name) / WEIGHTS) for name in ("padded", "packed"))
    for name, tensor in padded.items():
        torch.testing.assert_close(packed[name].float(), tensor.float(), atol=1e-3, rtol=1e-2)


def test_an_epoch_can_be_the_time_to_validate(job):
    _, figures, lines, _ = run(job, "stopping.every=epoch")
    assert [f.step for f in figures if f.validation_loss is not None] == [0, 3, 6]
    assert sum("validation loss" in line for line in lines if line.startswith("step")) == 2


def test_part_of_an_epoch_can_be_all(job):
    assert run(job, "schedule.epochs=0.5")[0].figures["steps"] == 2


def test_a_loss_that_is_no_number_ends_it_with_one_line(job, monkeypatch):
    from training.train.gradient_step import EagerStep

    monkeypatch.setattr(EagerStep, "__call__", lambda self, batches, tokens: torch.tensor(math.nan))
    monkeypatch.setattr(
        torch.nn.utils, "clip_grad_norm_", lambda parameters, norm: torch.tensor(0.0)
    )
    with pytest.raises(Diverged, match=r"at step 1: lower schedule\.learning_rate \(now 0\.01\)"):
        run(job, "stopping.every=1")
    assert not job.out.exists()


def test_an_adapter_that_is_worse_than_the_base_is_not_kept(misled):
    job, lines = misled, list[str]()
    with pytest.raises(NotBetter) as caught:
        train(job, lines.append)
    validated = {
        f.step: f.validation_loss
        for f in FigureLog(job.work_folder / FIGURES).read()
        if f.validation_loss is not None
    }
    before = validated.pop(0)
    assert min(validated.values()) > before
    assert str(caught.value) == (
        f"no adapter is kept: the validation loss was {before:.4f} before training and "
        f"{min(validated.values()):.4f} at best after it (figures.jsonl and loss.png are in "
        f"{job.work_folder}): lower schedule.learning_rate (now 0.1), or give it more data"
    )
    assert not job.out.exists()
    assert not any("best so far" in line or "wrote" in line for line in lines)
    assert any(line.endswith(f", best {before:.3f} before training") for line in lines)
    assert len(validated) == job.recipe.stopping.patience, "it stops as early as after any other"
    assert sorted(path.name for path in job.work_folder.iterdir()) == [MARKER, FIGURES, CURVE]


def test_what_a_useless_training_left_is_in_nobodys_way(job, request, tmp_path):
    right = shutil.copytree(job.data, tmp_path / "right")
    misled = request.getfixturevalue("misled")
    for _ in range(2):  # the same again is no other job
        with pytest.raises(NotBetter):
            train(misled, silent)
    train(replace(job, data=right), silent)
    assert (job.out / WEIGHTS).is_file()
    assert not job.work_folder.exists()


def test_an_earlier_adapter_stays_where_a_training_was_useless(job, request):
    train(job, silent)
    before = (job.out / WEIGHTS).read_bytes()
    with pytest.raises(NotBetter):
        train(request.getfixturevalue("misled"), silent)
    assert (job.out / WEIGHTS).read_bytes() == before


def test_an_adapter_that_is_as_good_as_the_base_is_not_better(job):
    with pytest.raises(NotBetter):
        run(job, "schedule.learning_rate=1e-12")


def test_computing_layers_again_changes_nothing(job):
    losses = []
    for how in ("off", "on"):
        _, figures, _, _ = run(job, f"schedule.checkpointing={how}", name=how)
        losses.append([f.loss for f in figures if f.loss is not None])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.fixture
def other_precision():
    """accelerate remembers its precision for as long as the process lives."""
    AcceleratorState._reset_state()
    yield
    AcceleratorState._reset_state()


@pytest.mark.usefixtures("other_precision")
def test_bfloat16_learns_nearly_the_same(job):
    halved = run(job, "schedule.precision=bfloat16", name="half")[0].figures
    AcceleratorState._reset_state()
    whole = run(job, name="whole")[0].figures
    assert halved["validation_loss"] == pytest.approx(whole["validation_loss"], rel=0.02)
    assert halved["validation_loss"] < halved["base_validation_loss"]


def test_the_layout_is_the_recipes():
    schedule = Schedule(learning_rate=0.1, epochs=1, batch_size=3, row_tokens=99)
    assert layout_of(schedule, CPU) == Packed(99)
    assert layout_of(schedule.model_copy(update={"layout": "padded"}), CPU) == Padded(3)


def test_the_test_side_is_not_read(job):
    (job.data / f"{Side.TEST}.jsonl").unlink()
    manifest = run(job)[0]
    assert manifest == read_manifest(job.out)
    assert manifest.data.rows == read_card(job.data).sides[Side.TRAIN].rows
