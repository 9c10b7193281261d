"""A checkpoint comes back as it was written, and what fails leaves the last one as it is."""

import errno
import os

import pytest
import torch

from data.errors import OutputRefused
from data.files.output_marker import MARKER
from training.errors import CheckpointError, OtherJobError
from training.train.checkpoint import JOB, LAST, LOCK, Checkpoint, Checkpoints, TrainState

JOB_A = {"lora.r": 4, "base": "sha256:1"}


@pytest.fixture
def work(tmp_path):
    work = Checkpoints(tmp_path / "work")
    work.open(JOB_A)
    yield work
    work.close()


def checkpoint(step=3):
    table = torch.arange(4.0)
    return Checkpoint(
        TrainState(
            step=step,
            base_loss=4.0,
            best_loss=1.5,
            best_step=2,
            bad_validations=1,
            tokens=99,
            seconds=1.25,
        ),
        {"a": torch.full((2, 3), float(step))},
        {"a": torch.zeros(2, 3)},
        [{"step": step, "qmap": table, "m": torch.ones(6).byte()}, {"step": 1, "qmap": table}],
    )


def assert_same(one, other):
    assert other.state == one.state
    assert torch.equal(other.adapter["a"], one.adapter["a"])
    assert torch.equal(other.best["a"], one.best["a"])
    for found, wanted in zip(other.optimiser, one.optimiser, strict=True):
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            assert type(found[key]) is type(value)
            assert torch.equal(torch.as_tensor(found[key]), torch.as_tensor(value))


def test_comes_back_as_it_was(work):
    assert work.last() is None
    work.save(checkpoint(3))
    work.save(checkpoint(5))
    assert_same(checkpoint(5), work.last())
    assert sorted(p.name for p in work.folder.iterdir()) == sorted([JOB, LAST, LOCK, MARKER])


def full_after(some, error=errno.ENOSPC):
    def write(file, content):
        file.write(content[:some])
        raise OSError(error, os.strerror(error))

    return write


@pytest.mark.parametrize("some", [0, 1, 700])
def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(work, monkeypatch, some):
    work.save(checkpoint(3))
    with monkeypatch.context() as patched:
        patched.setattr("training.train.checkpoint.write_all", full_after(some))
        with pytest.raises(CheckpointError) as caught:
            work.save(checkpoint(5))
    assert str(caught.value) == f"{work.folder / LAST} cannot be written: No space left on device"
    assert_same(checkpoint(3), work.last())
    assert not [p for p in work.folder.iterdir() if "partial" in p.name]
    work.save(checkpoint(5))
    assert_same(checkpoint(5), work.last())


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_checkpoint_is_one_line(work, damage):
    (work.folder / LAST).write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"last\.safetensors is damaged .*--fresh") as caught:
        work.last()
    assert "\n" not in str(caught.value)


def test_the_same_job_goes_on_and_another_is_refused(work):
    work.save(checkpoint())
    work.close()
    again = Checkpoints(work.folder)
    again.open(JOB_A)
    assert again.last() is not None
    again.close()
    with pytest.raises(OtherJobError, match=r"another lora\.r \(4, not 8\).*--work.*--fresh"):
        Checkpoints(work.folder).open(JOB_A | {"lora.r": 8})
    again.open(JOB_A)  # the refusal let go of it
    again.close()


def test_fresh_throws_the_other_job_away(work):
    work.save(checkpoint())
    work.close()
    fresh = Checkpoints(work.folder)
    fresh.open(JOB_A | {"lora.r": 8}, fresh=True)
    assert fresh.last() is None
    fresh.close()


def test_without_a_checkpoint_nothing_is_in_the_way(work):
    Checkpoints(work.folder).close()  # does not hold it
    assert work.folder.exists()
    work.close()
    assert not work.folder.exists()
    other = Checkpoints(work.folder)
    other.open(JOB_A | {"lora.r": 8})
    other.close()


def test_a_second_process_is_refused(work):
    with pytest.raises(OtherJobError, match="another training is at work in"):
        Checkpoints(work.folder).open(JOB_A)


def test_removing_leaves_what_somebody_else_put_there(work):
    work.save(checkpoint())
    (work.folder / "mine.txt").touch()
    work.remove()
    assert [p.name for p in work.folder.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", [JOB, LAST, LOCK, "figures.jsonl", "mine.txt"])
def test_a_folder_that_is_not_ours_is_refused_and_stays(tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(OutputRefused, match=f"holds {name}, and `python -m training train, unf"):
        Checkpoints(tmp_path).open(JOB_A, fresh=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "precious")]


def test_a_damaged_job_file_is_one_line(work):
    work.save(checkpoint())
    work.close()
    (work.folder / JOB).write_text("{")
    with pytest.raises(CheckpointError, match=r"job\.json is damaged .*--fresh"):
        Checkpoints(work.folder).open(JOB_A)
