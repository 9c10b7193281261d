"""What goes wrong around a chat: processes that are killed, hang or refuse, databases that fail."""

import asyncio
import os
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.store.database import FILE_NAME
from tests.programs.bot import LIMIT_S, Inside, Program, child_of, gone
from tests.programs.stored_requests import answers, states, until_states

AS_NOBODY = """
import os, sys, bot.__main__
os.setgroups([]), os.setgid(65534), os.setuid(65534)
sys.exit(bot.__main__.main())
"""


def one_line(text: str) -> str:
    """The only line besides the word on the worker's start."""
    lines = [line for line in text.splitlines() if not line.startswith("starting the worker")]
    assert len(lines) == 1, text
    return lines[0]


async def test_a_killed_bot_takes_its_worker_along_and_the_next_start_answers_what_is_left(
    program: Program,
):
    program.script = {"step_seconds": 0.05}
    async with program.started() as bot, asyncio.timeout(LIMIT_S):
        assert bot.stdin is not None
        worker = await child_of(bot.pid)
        bot.stdin.write(b"who are you?\n")
        await until_states(program, ["running"])
        bot.kill()
        await gone(worker)
    assert states(program) == ["running"]

    program.script = {}
    outcome = await program.run("and now?\n")
    assert outcome.code == 0
    assert outcome.out == "tuned: and now?\n"
    assert "One prompt was left unanswered" in outcome.err
    assert "> who are you?\ntuned: who are you?\n" in outcome.err
    assert answers(program) == ["tuned: who are you?", "tuned: and now?"]

    assert "left unanswered" not in (await program.run("")).err
    assert len(answers(program)) == 2


async def test_what_has_waited_too_long_expires_before_ones_eyes(program: Program):
    program.script = {"step_seconds": 0.05}
    async with program.started() as bot, asyncio.timeout(LIMIT_S):
        assert bot.stdin is not None
        bot.stdin.write(b"who are you?\n")
        await until_states(program, ["running"])
        bot.kill()
    program.settings = {"REQUEST_TTL_S": "1"}
    await asyncio.sleep(1)  # the age is that of the database's own times
    outcome = await program.run("")
    assert states(program) == ["expired"]
    assert "> who are you?" in outcome.err
    assert answers(program) == []


def test_a_worker_that_dies_in_an_answer_is_replaced_and_there_is_one_answer(
    program: Program, tmp_path: Path, inside: Inside
):
    program.script = {"crash_after_tokens": 4, "fault_marker": str(tmp_path / "marker")}
    outcome = inside("hello\n")
    assert (outcome.code, outcome.out) == (0, "tuned: hello\n")
    assert answers(program) == ["tuned: hello"]


def test_a_worker_that_hangs_in_an_answer_is_replaced(
    program: Program, tmp_path: Path, inside: Inside
):
    program.script = {"hang_after_tokens": 4, "fault_marker": str(tmp_path / "marker")}
    program.settings = {"WORKER_STALL_S": "0.5"}
    outcome = inside("hello\n")
    assert (outcome.code, outcome.out) == (0, "tuned: hello\n")
    assert answers(program) == ["tuned: hello"]


@pytest.mark.parametrize(
    ("script", "settings", "line"),
    [
        ({"fail_load": "no space left"}, {}, "could not load its model: no space left"),
        ({"hang_load": True}, {"WORKER_READY_TIMEOUT_S": "1"}, "does not become ready"),
    ],
)
def test_a_worker_without_a_model_is_one_line(
    program: Program, script: dict[str, object], settings: dict[str, str], line: str, inside: Inside
):
    program.script, program.settings = script, settings
    outcome = inside("hello\n")
    assert outcome.code == 1
    assert outcome.out == ""
    assert line in outcome.err.splitlines()[-1]
    assert "worker.log" in outcome.err
    assert "Traceback" not in outcome.err


async def test_a_worker_elsewhere_that_is_away_is_named(program: Program):
    program.settings = {"WORKER_URL": "http://127.0.0.1:9"}
    async with program.started() as bot, asyncio.timeout(LIMIT_S):
        assert bot.stderr is not None
        said = await bot.stderr.readline()
        bot.send_signal(signal.SIGTERM)
        await bot.wait()
    assert said.decode().startswith("looking for the worker at http://127.0.0.1:9")


async def test_a_worker_elsewhere_is_used(program: Program):
    program.settings = {"WORKER_API_KEY": "key"}
    command = ("-m", "model", "--port", "0", "--exit-on-stdin-eof")
    async with program.started(*command) as worker, asyncio.timeout(LIMIT_S):
        assert worker.stdout is not None
        port = (await worker.stdout.readline()).decode().partition('"port":')[2].strip(" }\n")
        program.settings["WORKER_URL"] = f"http://127.0.0.1:{port}"
        outcome = await program.run("hello\n")
    assert (outcome.code, outcome.out) == (0, "tuned: hello\n")


def damage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def make_newer(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 9999")
    database.close()


@pytest.mark.parametrize("spoil", [damage, make_newer])
def test_a_database_that_cannot_be_used_is_one_line(
    program: Program, spoil: object, inside: Inside
):
    program.home.mkdir()
    assert callable(spoil)
    spoil(program.home / FILE_NAME)
    before = (program.home / FILE_NAME).read_bytes()
    outcome = inside("hello\n")
    assert outcome.code == 1
    assert FILE_NAME in one_line(outcome.err)
    assert (program.home / FILE_NAME).read_bytes() == before


def test_a_locked_database_is_one_line(program: Program, inside: Inside):
    program.home.mkdir()
    database = sqlite3.connect(program.home / FILE_NAME)
    database.execute("BEGIN EXCLUSIVE")
    outcome = inside("hello\n")
    database.close()
    assert outcome.code == 1
    assert "locked" in one_line(outcome.err).lower()


AS_NOBODY = """
import os, runpy, sys
sys.path.insert(0, os.environ["PYTHONPATH"])
import bot.__main__  # while we may still read it
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(bot.__main__.main())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs a second user for the bot")
async def test_a_read_only_database_is_one_line(program: Program, readable: Path):
    program.home = readable
    await program.run("")
    for path in (readable / FILE_NAME, readable):
        path.chmod(0o555)
    outcome = await program.run("hello\n", "-c", AS_NOBODY)
    assert outcome.code == 1
    assert "cannot be written" in one_line(outcome.err)


@pytest.fixture
def readable() -> Iterator[Path]:
    """A home that another user can reach, with logs and a lock that it may write."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "logs").mkdir()
        for path in (home / "bot.lock", home / "logs" / "bot.log", home / "logs" / "worker.log"):
            path.touch()
            path.chmod(0o666)
        yield home
