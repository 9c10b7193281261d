"""The bot writes to no file in FUNGPT_HOME that it did not write itself."""

import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from prompt_toolkit.history import FileHistory

from bot.config.logs import start_logging, stop_logging
from bot.config.own_files import BOT_LOG, HISTORY, LOCK, WORKER_LOG, foreign_file
from bot.lifecycle import only_instance
from bot.worker.output import WorkerLog
from tests.fakes.trees import Planted, Tree, plant, trees
from tests.programs.bot import Inside, Program

ROTATED = [f"{BOT_LOG}.1", f"{BOT_LOG}.2", f"{WORKER_LOG}.1", f"{WORKER_LOG}.2", f"{HISTORY}.old"]
NAMES = [LOCK, HISTORY, BOT_LOG, WORKER_LOG, *ROTATED]


@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_file_is_told_and_kept(program: Program, inside: Inside, name: str):
    plant(program.home, {name: "precious", "notes.txt": "mine"})
    before = Tree.of(program.home)
    outcome = inside("hello\n")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"the bot did not write {program.home / name}: move it away" in outcome.err
    assert outcome.err.count("\n") == 1
    assert Tree.of(program.home) == before


@pytest.mark.parametrize("as_json", [False, True])
def test_what_the_bot_wrote_is_its_own(tmp_path: Path, as_json: bool):
    (tmp_path / "logs").mkdir()
    with only_instance(tmp_path / LOCK):
        handler = start_logging(tmp_path / BOT_LOG, logging.INFO, as_json=as_json)
        logging.getLogger("bot").warning("a line")
        stop_logging(handler)
    worker = WorkerLog(tmp_path / WORKER_LOG)
    worker.write("Segmentation fault")
    worker.close()
    FileHistory(str(tmp_path / HISTORY)).store_string("hello")
    assert all((tmp_path / name).stat().st_size for name in (LOCK, BOT_LOG, WORKER_LOG, HISTORY))
    assert foreign_file(tmp_path) is None
    for name in (BOT_LOG, WORKER_LOG):
        (tmp_path / name).rename(tmp_path / f"{name}.1")
    (tmp_path / HISTORY).rename(tmp_path / f"{HISTORY}.old")
    assert foreign_file(tmp_path) is None


@settings(deadline=None)
@given(tree=trees([Path(name).name for name in NAMES]))
def test_whatever_lies_there_a_file_of_the_bots_name_is_foreign(tree: Planted):
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder), tree)
        home = Path(folder)
        mine = [home / name for name in (LOCK, HISTORY, f"{HISTORY}.old")]
        foreign = [path for path in mine if path.is_file() and path.stat().st_size]
        assert (foreign_file(home) is None) == (not foreign)
