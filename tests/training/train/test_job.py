"""What makes an unfinished training the same one."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from training.prepare.card import read_card
from training.recipe import read_recipe


def identity(job, *overrides, device="cpu"):
    changed = replace(job, recipe=read_recipe(job.config, overrides))
    return changed.identity(read_card(job.data), device)


@pytest.mark.parametrize(
    "override",
    [
        "lora.r=8",
        "seed=9",
        "schedule.epochs=3",
        "stopping.patience=9",
        "schedule.batch_size=2",
        "date=2031-12-24",
    ],
)
def test_what_changes_the_adapter_makes_it_another(job, override):
    assert identity(job, override) != identity(job)


@pytest.mark.parametrize(
    "overrides",
    [
        ["schedule.row_tokens=64"],
        ["schedule.layout=padded", "schedule.checkpointing=on"],
        ["schedule.batch_size=2", "schedule.accumulation=2"],
        ["licence=another"],
    ],
)
def test_what_changes_speed_and_memory_does_not(job, overrides):
    assert identity(job, *overrides) == identity(job)


def test_other_data_another_base_and_another_device_do(job, base):
    card = read_card(job.data)
    mine = job.identity(card, "cpu")
    other = replace(job, base=replace(base, hash="sha256:0")).identity(card, "cpu")
    assert [key for key in mine if mine[key] != other[key]] == ["base"]
    assert identity(job, device="cuda") != mine
    sides = dict(card.sides)
    for side, record in sides.items():
        changed = sides | {side: record.model_copy(update={"sha256": "0"})}
        same = job.identity(card.model_copy(update={"sides": changed}), "cpu") == mine
        assert same is (side == "test")


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer.json"])
def test_another_template_or_tokenizer_makes_it_another(job, base, name, tmp_path):
    """The hash of a base that is a folder covers its weights alone."""
    mine = identity(job)
    folder = Path(shutil.copytree(base.folder, tmp_path / "copy"))
    job = replace(job, base=replace(base, folder=folder))
    assert identity(job) == mine
    (folder / name).write_text((folder / name).read_text() + " ")
    assert [key for key, value in identity(job).items() if value != mine[key]] == ["tokenizer"]


def test_the_work_folder_is_beside_the_adapter_unless_told(job, tmp_path):
    assert job.work_folder == job.out.parent / "adapter.work"
    assert replace(job, work=tmp_path / "w").work_folder == tmp_path / "w"
