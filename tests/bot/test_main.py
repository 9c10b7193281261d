"""The whole program: what it is made of, what it costs, how it begins and ends."""

import asyncio
import errno
import fcntl
import json
import os
import signal
import sqlite3

import pytest

from data.store.database import FILE_NAME
from tests.programs.bot import LIMIT_S, Inside, Program, child_of, gone
from tests.programs.stored_requests import states, until_states

LOOK_AT_ITSELF = """
import json, pathlib, runpy, sys
try:
    runpy.run_module("bot", run_name="__main__", alter_sys=True)
except SystemExit as end:
    code = end.code
heavy = [name for name in ("torch", "transformers", "peft", "bitsandbytes") if name in sys.modules]
# Not getrusage: its peak begins with that of the program that started this one.
status = pathlib.Path("/proc/self/status").read_text()
peak = status.partition("VmHWM:")[2].split()[0]
print(json.dumps({"code": code, "heavy": heavy, "peak_kib": int(peak)}))
"""


async def test_a_whole_piped_conversation_needs_no_torch_and_little_memory(program: Program):
    lines = "/model base\nhello\n/both what now?\n/rate good tuned\n/stats\n"
    outcome = await program.run(lines, "-c", LOOK_AT_ITSELF)
    *answers, figures = outcome.out.splitlines()
    itself = json.loads(figures)
    assert answers[:5] == [
        "base: hello",
        "[base]",
        "base: what now?",
        "[tuned]",
        "tuned: what now?",
    ]
    assert itself["code"] == 0
    assert itself["heavy"] == []
    assert itself["peak_kib"] < 150 * 1024
    with sqlite3.connect(program.home / FILE_NAME) as database:
        rated = database.execute(
            "SELECT kind, variant FROM ratings JOIN answers ON answers.id = answer_id"
        ).fetchall()
    database.close()
    assert rated == [("good", "tuned")]
    log = (program.home / "logs" / "bot.log").read_text()
    assert "hello" not in log
    assert "what now" not in log


async def test_sigterm_ends_it_with_its_worker_and_keeps_the_prompt(program: Program):
    program.script = {"step_seconds": 0.05, "reply": "x" * 1000}
    async with program.started() as bot, asyncio.timeout(LIMIT_S):
        assert bot.stdin is not None
        bot.stdin.write(b"hello\n")
        worker = await child_of(bot.pid)
        await until_states(program, ["running"])
        bot.send_signal(signal.SIGTERM)
        _, err = await bot.communicate()
        await gone(worker)
    assert bot.returncode == 1
    assert b"Traceback" not in err
    assert states(program) == ["waiting"]


async def test_ctrl_c_ends_a_pipe_and_keeps_nothing_waiting(program: Program):
    program.script = {"step_seconds": 0.05, "reply": "x" * 1000}
    async with program.started() as bot, asyncio.timeout(LIMIT_S):
        assert bot.stdin is not None
        bot.stdin.write(b"hello\n")
        await until_states(program, ["running"])
        bot.send_signal(signal.SIGINT)
        _, err = await bot.communicate()
    assert bot.returncode == 1
    assert b"Traceback" not in err
    assert states(program) == ["stopped"]


async def test_a_reader_that_has_enough_ends_it_quietly(program: Program):
    reader, writer = os.pipe()
    async with program.started(stdout=writer) as bot, asyncio.timeout(LIMIT_S):
        os.close(writer)
        assert bot.stdin is not None
        bot.stdin.write(b"one\n")
        assert await asyncio.to_thread(os.read, reader, 100) == b"tuned: one\n"
        os.close(reader)
        bot.stdin.write(b"two\nthree\n")
        bot.stdin.close()
        err = await read_all(bot.stderr)
        await bot.wait()
    assert bot.returncode == 0
    assert "Traceback" not in err
    assert "Exception" not in err


def test_a_second_bot_on_the_same_database_is_refused(program: Program, inside: Inside):
    program.home.mkdir()
    with (program.home / "bot.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        outcome = inside("hello\n")
    assert outcome.code == 1
    assert outcome.err.startswith("Process 4711 already runs a bot on")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("QUEUE_MAX", "many", "QUEUE_MAX"),
        ("FUNGPT_HOME", "/proc/nowhere", "FUNGPT_HOME=/proc/nowhere cannot be written"),
        ("ADAPTERS", "nonsense", "ADAPTERS"),
    ],
)
def test_bad_settings_are_one_line_and_exit_code_2(
    program: Program, name: str, value: str, line: str, inside: Inside
):
    program.settings = {name: value}
    outcome = inside("hello\n")
    assert outcome.code == 2
    assert line in outcome.err
    assert "Traceback" not in outcome.err


async def test_closed_standard_streams_are_no_problem(program: Program):
    outcome = await program.run(
        "", "-c", "import os, sys; os.closerange(0, 1); os.execv(sys.executable,"
        " [sys.executable, '-m', 'bot'])",
    )  # fmt: skip
    assert (outcome.code, outcome.out) == (0, "")
    assert "Traceback" not in outcome.err


async def read_all(stream: asyncio.StreamReader | None) -> str:
    return "" if stream is None else (await stream.read()).decode()


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BrokenPipeError(errno.EPIPE, "closed"), 0, ""),
        (OSError(errno.EIO, "the terminal is gone"), 0, ""),
        (KeyboardInterrupt(), 1, ""),
        (
            ZeroDivisionError("secret"),
            1,
            "The bot failed; logs/bot.log under FUNGPT_HOME says how.",
        ),
    ],
)
def test_what_nobody_thought_of_is_one_line_at_most(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str
):
    async def fails(*_: object) -> int:
        raise error

    monkeypatch.setattr("bot.__main__.until_end", fails)
    outcome = inside("")
    assert (outcome.code, outcome.out, outcome.err.strip()) == (code, "", line)


def test_the_log_can_be_json(program: Program, inside: Inside):
    program.settings = {"LOG_FORMAT": "json"}
    program.script = {"fail_load": "no space left"}
    assert inside("").code == 1
    lines = (program.home / "logs" / "bot.log").read_text().splitlines()
    assert any("no space left" in json.loads(line)["message"] for line in lines)
