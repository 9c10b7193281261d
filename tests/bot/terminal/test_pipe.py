"""The front end for a pipe."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.chat import persistence
from bot.chat.ticket import Ticket
from bot.terminal.pipe import PlainFrontEnd, read_lines
from bot.worker.status import WorkerPhase, WorkerStatus
from data.errors import StoreError
from model.errors import WorkerRefused
from tests.bot.stage import Stage, stage
from tests.fakes.worker import FakeWorker, Hang, Play, away


@asynccontextmanager
async def piped(
    text: bytes, stage: Stage, leftovers: Sequence[Ticket] = ()
) -> AsyncIterator[PlainFrontEnd]:
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.seek(0)
        yield PlainFrontEnd(stage.services(leftovers), stage.session, file.fileno())


async def run(tmp_path: Path, text: str, *plays: Play) -> int:
    worker = FakeWorker()
    worker.plays.extend(plays)
    async with stage(tmp_path, worker=worker) as here, piped(text.encode(), here) as front_end:
        return await front_end.run()


async def test_answers_come_in_order_and_alone_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert await run(tmp_path, "one\n\ntwo\n", ("1",), ("2",)) == 0
    assert capsys.readouterr() == ("1\n2\n", "")


async def test_the_last_line_needs_no_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert await run(tmp_path, "one") == 0
    assert capsys.readouterr().out == "Hello there\n"


async def test_commands_work_and_speak_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    lines = "/model base\nhi\n/rate 👍\n/reset\n/model\n/stats\n/help\n/quit\nnever read\n"
    assert await run(tmp_path, lines) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Hello there\nbase answers now. Others: tuned.\nbase: answers 1, 👍 1")
    assert "/both PROMPT" in out
    assert err == "base answers now. Others: tuned.\n👍 good for answer #1 (base).\n"
    assert "never read" not in out


async def test_both_answers_carry_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert await run(tmp_path, "/both hi\n") == 0
    assert capsys.readouterr().out == "[base]\nHello there\n[tuned]\nHello there\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/nope", "There is no command /nope."),
        ("/model nope", "I don't know the model 'nope'. There are: base, tuned."),
        ("/rate good", "There is no answer here to rate yet."),
        ("\x01\x02", "There was nothing to read"),
        ("x" * 100_000, "100,000 characters"),
    ],
)
async def test_a_line_that_comes_to_nothing_is_told_and_makes_the_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
):
    assert await run(tmp_path, f"{line}\nhi\n") == 1
    out, err = capsys.readouterr()
    assert out == "Hello there\n"
    assert message in err
    assert len(err.splitlines()) == 1


async def test_a_refused_prompt_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    refusal = WorkerRefused(400, "context_length_exceeded", "too long")
    assert await run(tmp_path, "hi\n", (refusal,)) == 1
    assert capsys.readouterr().err.strip()


async def test_a_restarted_answer_is_printed_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert await run(tmp_path, "hi\n", ("Hel", away()), ("Hello",)) == 0
    out, err = capsys.readouterr()
    assert out == "Hello\n"
    assert err


async def test_a_store_that_fails_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    async def full(*_: object) -> None:
        raise StoreError("the disk is full")

    async with stage(tmp_path) as here, piped(b"/reset\n", here) as front_end:
        monkeypatch.setattr(here.rig.store, "reset", full)
        assert await front_end.run() == 1
    assert capsys.readouterr().err == "the disk is full\n"


async def test_escape_sequences_never_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    await run(tmp_path, "/x\x1b[31m\nhi\n", ("red \x1b[31m[bold]x[/bold]",))
    out, err = capsys.readouterr()
    assert out == "red [31m[bold]x[/bold]\n"
    assert "\x1b" not in err


async def test_what_an_earlier_run_left_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    async with stage(tmp_path) as here:
        left = [await here.rig.submit("left one"), await here.rig.submit("left two")]
        async with piped(b"new\n", here, leftovers=left) as front_end:
            assert await front_end.run() == 0
    out, err = capsys.readouterr()
    assert out == "Hello there\n"
    assert err.startswith("2 prompts were left unanswered")
    assert "> left one\nHello there\n> left two\nHello there\n" in err


async def test_an_interrupt_stops_the_answer_for_good(tmp_path: Path):
    worker = FakeWorker(otherwise=("Hel", Hang()))
    async with stage(tmp_path, worker=worker) as here, piped(b"hi\n", here) as front_end:
        running = asyncio.create_task(front_end.run())
        await worker.calls_made(1)
        front_end.interrupt()
        await asyncio.wait((running,))
        assert running.cancelled()


async def test_why_it_waits_is_told_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    async with stage(tmp_path) as here:
        here.board.show(WorkerStatus(WorkerPhase.LOADING, "fetching the model", 0.1))
        async with piped(b"hi\n", here) as front_end:
            running = asyncio.create_task(front_end.run())
            while "fetching" not in capsys.readouterr().err:  # noqa: ASYNC110 - a stream
                await asyncio.sleep(0)
            here.board.show(WorkerStatus(WorkerPhase.READY))
            assert await running == 0


async def lines(data: bytes, limit: int = 10) -> list[str]:
    reader, writer = os.pipe()
    try:
        os.write(writer, data)
        os.close(writer)
        return [line async for line in read_lines(reader, limit)]
    finally:
        os.close(reader)


async def test_lines_are_read_whole_or_cut(tmp_path: Path):
    assert await lines(b"") == []
    assert await lines(b"a\r\n\nb") == ["a", "", "b"]
    assert await lines(b"x" * 5000 + b"\nnext\n") == ["x" * 11, "next"]
    assert await lines(b"\xff\xfe\n") == ["\ufffd\ufffd"]
    assert await lines(b"\xed\xa0\x80\n") == ["\ufffd" * 3]


async def test_a_plain_file_is_read_too(tmp_path: Path):
    path = tmp_path / "prompts"
    path.write_bytes(b"one\ntwo\n")
    with path.open("rb") as file:
        assert [line async for line in read_lines(file.fileno(), 10)] == ["one", "two"]


async def test_an_answer_that_cannot_be_stored_is_printed_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    async def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(persistence, "WRITE_AGAIN_S", (0.0,))
    async with stage(tmp_path) as here, piped(b"hi\n", here) as front_end:
        monkeypatch.setattr(here.rig.store, "finish", full)
        assert await front_end.run() == 0
    out, err = capsys.readouterr()
    assert out == "Hello there\n"
    assert "not kept" in err


@pytest.mark.parametrize("play", [("<think>hm</think>", "Yes"), ("hm\n</think>", "Yes")])
async def test_thoughts_are_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], play: tuple[str, ...]
):
    assert await run(tmp_path, "hi\n", play) == 0
    assert capsys.readouterr() == ("Yes\n", "")


async def test_only_thoughts_are_said_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert await run(tmp_path, "hi\n", ("<think>hm",)) == 0
    out, err = capsys.readouterr()
    assert out == "\n"
    assert "thought about it" in err


async def test_a_cut_answer_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    worker = FakeWorker(finish_reason="length")
    worker.plays.extend([("Once upon",), (" a time",)])
    text = b"a story\n/continue\n"
    async with stage(tmp_path, worker=worker) as here, piped(text, here) as front_end:
        assert await front_end.run() == 0
    assert capsys.readouterr().out == "Once upon\n a time\n"
