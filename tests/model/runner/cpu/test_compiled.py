"""Where compiled code is kept."""

import logging
from pathlib import Path

from model.runner.cpu import compiled


def test_it_is_kept_in_the_users_cache_by_what_it_is_made_of(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = compiled.kept_in()
    assert folder is not None
    assert folder.is_dir()
    assert folder.parent == tmp_path / "fungpt" / "kernels"
    assert compiled.kept_in() == folder
    monkeypatch.setattr(compiled, "instructions", lambda: "others")
    assert compiled.kept_in() != folder


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch, caplog):
    (tmp_path / "fungpt").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert compiled.kept_in() is None
    (line,) = caplog.messages
    assert line.startswith("compiled kernels are not kept")
