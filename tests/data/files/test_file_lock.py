"""A lock file has one holder, keeps its content, and says where a disk has no locks."""

from errno import ENOLCK, ENOSYS
from pathlib import Path

import filelock._unix
import pytest

from data.files.file_lock import hold_lock


def test_one_holder_at_a_time(tmp_path: Path):
    path = tmp_path / "lock"
    with hold_lock(path), pytest.raises(TimeoutError), hold_lock(path):
        pass
    with hold_lock(path, wait_s=1.0):
        assert path.is_file()


def test_what_stands_in_the_file_stays(tmp_path: Path):
    path = tmp_path / "lock"
    path.write_text("precious")
    with hold_lock(path):
        pass
    assert path.read_text() == "precious"


def test_it_is_free_again_after_an_error(tmp_path: Path):
    path = tmp_path / "lock"
    with pytest.raises(KeyError), hold_lock(path):
        raise KeyError
    with hold_lock(path):
        pass


def test_a_disk_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def missing(_: int) -> bool:
        raise OSError(ENOSYS, "Function not implemented")

    monkeypatch.setattr(filelock._unix, "lock_fd_nonblocking", missing)
    with pytest.raises(OSError, match="has no file locks") as refused, hold_lock(tmp_path / "lock"):
        pass
    assert refused.value.errno == ENOLCK
