"""A folder appears whole or not at all."""

import pytest

from training.artifacts.folders import copy_folder, new_folder


def test_replaces_what_was_there(tmp_path):
    for content in ("one", "two"):
        with new_folder(tmp_path / "a" / "b") as work:
            (work / content).write_text(content)
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["two"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_an_error_leaves_everything_as_it_was(tmp_path):
    (tmp_path / "out").mkdir()

    def fail(work):
        (work / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError), new_folder(tmp_path / "out") as work:
        fail(work)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not list((tmp_path / "out").iterdir())


def test_copies(tmp_path):
    (tmp_path / "from" / "deep").mkdir(parents=True)
    (tmp_path / "from" / "deep" / "file").write_text("x")
    copy_folder(tmp_path / "from", tmp_path / "to")
    assert (tmp_path / "to" / "deep" / "file").read_text() == "x"
