"""The front end for a terminal, with typed keys and a screen in memory."""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from bot.chat import persistence
from bot.chat.ticket import Ticket
from bot.terminal.front_end import TerminalFrontEnd
from bot.terminal.line_editor import LineEditor, completions
from bot.worker.status import WorkerPhase, WorkerStatus
from data.errors import StoreError
from model.errors import WorkerRefused
from tests.bot.rig import LIMIT_S
from tests.bot.stage import Stage, stage
from tests.fakes.worker import FakeWorker, Hang, Play, away

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CTRL_C, CTRL_D = "\x03", "\x04"


@dataclass(frozen=True)
class Screen:
    """A front end, the keys it reads, and what it wrote."""

    front_end: TerminalFrontEnd
    keys: PipeInput
    written: io.StringIO
    stage: Stage

    @property
    def text(self) -> str:
        """Everything ever written, without the terminal's commands."""
        return ESCAPES.sub("", self.written.getvalue())

    async def type(self, *lines: str) -> int:
        """Type the lines, then leave; gives the exit code."""
        self.keys.send_text("".join(f"{line}\r" for line in lines) + CTRL_D)
        return await self.front_end.run()


@asynccontextmanager
async def screen(
    home: Path, *plays: Play, width: int = 100, left: Sequence[str] = (), **console: Any
) -> AsyncIterator[Screen]:
    worker = FakeWorker()
    worker.plays.extend(plays)
    written = io.StringIO()
    options = {"force_terminal": True, "color_system": None, "legacy_windows": False, **console}
    async with stage(home, worker=worker) as here:
        with create_pipe_input() as keys:
            tickets: list[Ticket] = [await here.rig.submit(text) for text in left]
            front_end = TerminalFrontEnd(
                here.services(tickets),
                here.session,
                Console(file=written, width=width, height=24, highlight=False, **options),
                LineEditor(home / "history", keys=keys, screen=DummyOutput()),
            )
            yield Screen(front_end, keys, written, here)


async def test_it_says_where_the_chat_is_and_answers_with_a_footer(tmp_path: Path):
    async with screen(tmp_path) as one:
        assert await one.type("hi") == 0
        assert one.text.startswith("No DISCORD_TOKEN is set")
        assert "tuned answers now. Others: base." in one.text
        assert "Hello there\ntuned · 2 tokens" in one.text
        assert "· #1" in one.text


async def test_the_model_can_be_changed_and_an_unknown_one_is_told(tmp_path: Path):
    async with screen(tmp_path) as one:
        await one.type("/model base", "hi", "/model nope", "/model")
        assert "base · 2 tokens" in one.text
        assert "I don't know the model 'nope'. There are: base, tuned." in one.text
        assert one.text.count("base answers now. Others: tuned.") == 2


async def test_both_stand_side_by_side_where_there_is_room(tmp_path: Path):
    async with screen(tmp_path, ("left side",), ("right side",)) as one:
        await one.type("/both hi")
        assert re.search(r"base +tuned", one.text)
        assert re.search(r"left side +right side", one.text)


@pytest.mark.parametrize("console", [{"width": 50}, {"width": 20}])
async def test_both_stand_under_each_other_in_a_narrow_terminal(
    tmp_path: Path, console: dict[str, Any]
):
    async with screen(tmp_path, ("left side",), ("right side",), **console) as one:
        await one.type("/both hi")
        assert re.search(r"base *\nleft side *\nbase ·", one.text)
        assert re.search(r"tuned *\nright side *\ntuned ·", one.text)


async def test_without_cursor_control_answers_are_written_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TERM", "dumb")
    async with screen(tmp_path, ("one",), ("two",), ("Hel", away()), ("Hello",)) as one:
        await one.type("/both hi", "again")
        assert "[base]\none\nbase ·" in one.text
        assert "[tuned]\ntwo\ntuned ·" in one.text
        assert re.search(r"Hel\n.+\nHello\ntuned", one.text)
        assert "\x1b" not in one.written.getvalue()


async def test_ratings_go_to_the_last_answer_or_the_one_named(tmp_path: Path):
    async with screen(tmp_path) as one:
        await one.type(
            "hi", "/rate 👍🏽", "/rate good", "/both x", "/rate funny", "/rate funny base",
            "/rate robotic 1", "/rate bad 99", "/rate bad nope", "/rate lovely",
        )  # fmt: skip
        assert "👍 good for answer #1 (tuned)." in one.text
        assert "👍 good was your rating of answer #1 (tuned) already." in one.text
        assert "Which of the two? /rate funny base or /rate funny tuned" in one.text
        assert re.search(r"😂 funny for answer #\d \(base\)\.", one.text)
        assert "🤖 robotic for answer #1 (tuned)." in one.text
        assert "No answer #99 was shown since the start." in one.text
        assert "The last answer is not from 'nope'. There is: base (#" in one.text
        assert "I don't know that rating." in one.text


async def test_stats_reset_help_and_unknown_commands(tmp_path: Path):
    async with screen(tmp_path) as one:
        await one.type("/stats", "hi", "/rate good", "/stats", "/reset", "/help", "/stat", "  ")
        assert "Nothing has been answered yet." in one.text
        assert re.search(r"tuned +1 +1 +0 +100% \(21%–100%\)", one.text)
        assert "what was said before is forgotten" in one.text
        assert re.search(r"/both PROMPT +the same prompt", one.text)
        assert "Did you mean /stats?" in one.text


async def test_the_conversation_goes_on_until_it_is_reset(tmp_path: Path):
    async with screen(tmp_path) as one:
        await one.type("first", "second", "/reset", "third")
        calls = one.stage.rig.worker.calls
        assert [len(call.turns) for call in calls] == [1, 3, 1]


async def test_the_model_cannot_speak_to_the_terminal(tmp_path: Path):
    async with screen(tmp_path, ("\x1b]0;title\x07\x1b[31m[bold]red[/bold]\x9b5m",)) as one:
        await one.type("hi")
        assert "]0;title[31m[bold]red[/bold]5m" in one.text
        assert "\x1b]0" not in one.written.getvalue()
        assert "\x1b[31m" not in one.written.getvalue()
        assert "\x9b" not in one.written.getvalue()


async def test_ctrl_c_stops_the_answer_and_the_program_goes_on(tmp_path: Path):
    async with screen(tmp_path, ("Half an", Hang()), ("Whole",)) as one:
        running = asyncio.create_task(one.front_end.run())
        one.keys.send_text("hi\r")
        await one.stage.rig.worker.calls_made(1)
        await until(lambda: "Half an" in one.text)
        one.front_end.interrupt()
        await until(lambda: "stopped" in one.text)
        one.keys.send_text(f"again\r{CTRL_D}")
        assert await running == 0
        assert "Whole" in one.text
        answer = await one.stage.rig.store.answer_for(1)
        assert answer is not None
        assert answer.text == "Half an"


async def test_ctrl_c_clears_the_line_and_on_an_empty_one_hints_how_to_leave(tmp_path: Path):
    async with screen(tmp_path) as one:
        await one.type(f"rubbish{CTRL_C}{CTRL_C}hi")
        assert "Leave with /quit or Ctrl-D." in one.text
        assert [call.turns[-1] for call in one.stage.rig.worker.calls] == [("user", "hi")]


async def test_quit_leaves(tmp_path: Path):
    async with screen(tmp_path) as one:
        one.keys.send_text("/quit\r")
        assert await one.front_end.run() == 0


async def test_what_an_earlier_run_left_is_answered_first(tmp_path: Path):
    async with screen(tmp_path, left=["left over"]) as one:
        await one.type("/rate good")
        assert "One prompt was left unanswered last time" in one.text
        assert re.search(r"> left over *\n.*Hello there", one.text, re.DOTALL)
        assert "good for answer #1" in one.text


async def test_an_answer_that_begins_again_is_shown_once(tmp_path: Path):
    async with screen(tmp_path, ("Hel", away()), ("Hello",)) as one:
        await one.type("hi")
        assert one.text.rstrip().rpartition("Hello\n")[2].startswith("tuned · 1 token ·")


async def test_a_failed_answer_says_why(tmp_path: Path):
    refusal = WorkerRefused(400, "context_length_exceeded", "the context holds 9 tokens")
    async with screen(tmp_path, (refusal,)) as one:
        await one.type("hi")
        assert "too long for the model" in one.text
        assert "tuned ·" not in one.text


async def test_a_store_that_fails_costs_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def full(*_: object) -> None:
        raise StoreError("the disk is full")

    async with screen(tmp_path) as one:
        monkeypatch.setattr(one.stage.session, "reset", full)
        monkeypatch.setattr(one.stage.session, "active", full)
        assert await one.type("/reset") == 0
        assert "the disk is full" in one.text


async def test_the_workers_loading_is_shown_and_ctrl_c_leaves_it(tmp_path: Path):
    async with screen(tmp_path) as one:
        one.stage.board.show(WorkerStatus(WorkerPhase.LOADING, "fetching [b]the[/b]\x1b[1m", 0.4))
        running = asyncio.create_task(one.front_end.run())
        await until(lambda: "fetching [b]the[/b][1m" in one.text)
        await until(lambda: "40%" in one.text)
        one.front_end.interrupt()
        await asyncio.wait((running,))
        assert running.cancelled()


async def test_why_an_answer_waits_is_shown(tmp_path: Path):
    ready = asyncio.Event()
    async with screen(tmp_path, (ready, "Hi")) as one:
        running = asyncio.create_task(one.type("hi"))
        await until(lambda: "thinking" in one.text)
        one.stage.board.show(WorkerStatus(WorkerPhase.RESTARTING, "the worker ended", 0.25))
        await until(lambda: "waiting for the worker: the worker ended 25%" in one.text)
        ready.set()
        assert await running == 0


async def test_a_long_answer_scrolls_and_stands_whole_at_its_end(tmp_path: Path):
    lines = "\n".join(f"line {number}" for number in range(60))
    async with screen(tmp_path, (lines,)) as one:
        await one.type("hi")
        last = one.text[one.text.rindex("line 0\n") :]
        assert [f"line {number}" in last for number in range(60)] == [True] * 60


async def test_lines_are_kept_for_the_next_run_and_a_broken_history_is_no_problem(tmp_path: Path):
    async with screen(tmp_path) as one:
        await one.type("remember me")
    assert "+remember me" in (tmp_path / "history").read_text()
    (tmp_path / "history").unlink()
    (tmp_path / "history").mkdir()
    async with screen(tmp_path) as one:
        assert await one.type("hi") == 0


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("/mo", ["/model"]),
        ("/r", ["/rate", "/reset"]),
        ("/model b", ["base"]),
        ("/rate f", ["funny"]),
        ("/rate good t", ["tuned"]),
        ("/both b", []),
        ("hello", []),
        ("", []),
    ],
)
def test_completion(line: str, options: list[str]):
    assert completions(line, ["base", "tuned"]) == options


async def test_tab_completes(tmp_path: Path):
    async with screen(tmp_path) as one:
        await one.type("/mod\t b\t")
        assert "base answers now." in one.text


async def until(condition: Any) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - a screen sends no events
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("console", [{}, {"force_terminal": False}])
async def test_an_answer_that_cannot_be_stored_stays_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: dict[str, Any]
):
    """The next line can be typed at once, though the store is tried again for long."""

    async def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(persistence, "WRITE_AGAIN_S", (3600.0,))
    async with screen(tmp_path, **console) as one:
        monkeypatch.setattr(one.stage.rig.store, "finish", full)
        assert await one.type("hi", "/help") == 0
        assert "Hello there" in one.text
        assert "not written down yet" in one.text
        assert "/continue" in one.text


@pytest.mark.parametrize("console", [{}, {"force_terminal": False}])
async def test_thoughts_do_not_stay_on_the_screen(tmp_path: Path, console: dict[str, Any]):
    async with screen(tmp_path, ("<think>secret</think>", "Yes"), ("<think>x",), **console) as one:
        await one.type("hi", "and?")
        assert "secret" not in one.text
        assert "Yes" in one.text
        assert "thought about it" in one.text


async def test_a_cut_answer_goes_on(tmp_path: Path):
    async with screen(tmp_path, ("Once upon",), (" a time",)) as one:
        one.stage.rig.worker.finish_reason = "length"
        await one.type("a story", "/continue")
        assert "/continue goes on" in one.text
        assert " a time" in one.text
