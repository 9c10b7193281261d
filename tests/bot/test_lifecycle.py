import os
from pathlib import Path

import pytest

from bot.errors import AlreadyRunning
from bot.lifecycle import only_instance


def test_whoever_comes_second_is_told_the_holders_process(tmp_path: Path):
    lock = tmp_path / "bot.lock"
    lock.write_text("4711000\n")
    with only_instance(lock):
        told = pytest.raises(AlreadyRunning, match=f"^Process {os.getpid()} already")
        with told, only_instance(lock):
            pass
        assert lock.read_text() == f"{os.getpid()}\n"
    with only_instance(lock):
        pass


def test_a_home_that_cannot_be_written_is_an_os_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), only_instance(tmp_path / "file" / "bot.lock"):
        pass
