import os
from pathlib import Path

import pytest

from data.errors import DataError
from data.files.new_file import new_file


def test_the_file_appears_at_the_end_for_this_user_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with new_file(out) as draft:
        draft.write_text("content")
        assert not out.exists()
    assert out.read_text() == "content"
    assert out.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [out]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "out"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_what_exists_is_kept(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    match kind:
        case "file":
            out.write_text("precious")
        case "folder":
            out.mkdir()
        case _:
            out.symlink_to("nowhere")
    before = os.lstat(out)
    with pytest.raises(DataError, match="exists already"), new_file(out):
        pass
    assert os.lstat(out) == before


def test_a_folder_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "out"
    with pytest.raises(DataError, match=r"out cannot be written \(No such file"), new_file(out):
        pass


@pytest.mark.parametrize("has_links", [True, False])
def test_what_somebody_makes_meanwhile_is_kept(
    tmp_path: Path, has_links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_links:

        def refuse(*_: object) -> None:
            raise PermissionError("this file system has no hard links")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        with new_file(tmp_path / "first"):
            pass
        assert (tmp_path / "first").exists()
    out = tmp_path / "out"

    def make() -> None:
        with new_file(out):
            out.write_text("precious")

    with pytest.raises(DataError, match="exists already"):
        make()
    assert out.read_text() == "precious"
    assert not list(tmp_path.glob(".fungpt-*"))
