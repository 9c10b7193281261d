"""The whole program as a fixture: as a process of its own, and inside the test's."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.config.settings import NAMES
from tests.programs.bot import Inside, Outcome, Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A program on a home that does not exist yet."""
    return Program(tmp_path / "home")


@pytest.fixture
def inside(
    program: Program, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    """Pipes a text through the program: faster than a process, and its lines are counted."""

    def run(text: str) -> Outcome:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in program.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["bot"])
        monkeypatch.chdir(program.home.parent)
        kept = os.dup(0)
        try:
            with tempfile.TemporaryFile() as file:
                file.write(text.encode())
                file.seek(0)
                os.dup2(file.fileno(), 0)
                code = main()
        finally:
            os.dup2(kept, 0)
            os.close(kept)
        said = capfd.readouterr()
        return Outcome(code, said.out, said.err)

    return run
