"""One request's messages, with everything that Discord and the worker can do meanwhile."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.chat import persistence
from bot.chat.events import Delta, Queued
from bot.chat.ticket import Ticket
from bot.discord import phrases
from bot.discord.answer import delivery, insisting
from bot.discord.answer.delivery import Delivery, Means
from bot.discord.answer.pacing import Paces
from bot.discord.identity import FRONT_END
from bot.worker.status import StatusBoard, WorkerPhase, WorkerStatus
from data.errors import StoreError
from data.records import RequestState
from model.errors import WorkerDied
from tests.bot.discord.stage import ready_board
from tests.bot.rig import Rig, failing, rig
from tests.fakes.outlet import FakeOutlet, cut_off, refusal
from tests.fakes.worker import FakeWorker, Hang

LIMIT_S = 5.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "NOTE_AFTER_S", 0.01)
    monkeypatch.setattr(insisting, "LAST_EDIT_AGAIN_S", (0.0, 0.0))
    monkeypatch.setattr(persistence, "WRITE_AGAIN_S", (0.0, 0.0))


class Show:
    def __init__(self, on: Rig, board: StatusBoard, outlet: FakeOutlet) -> None:
        self.rig, self.board, self.outlet = on, board, outlet
        self.told: list[tuple[int, int, int]] = []
        self.runs: list[asyncio.Task[None]] = []
        self.means = Means(on.store, board, Paces(), self._answered)

    async def _answered(self, answer: Any, channel_id: int, message_id: int) -> None:
        self.told.append((answer.id, channel_id, message_id))

    def run(self, ticket: Ticket, **options: Any) -> asyncio.Task[None]:
        return asyncio.create_task(Delivery(ticket, self.outlet, self.means, **options).run())

    async def ask(self, **changes: Any) -> Ticket:
        return await self.rig.submit(front_end=FRONT_END, **changes)

    def open(self) -> None:
        """Let a chat that was not running answer what waits."""
        self.runs.append(asyncio.create_task(self.rig.chat.run()))

    async def until(self, text: str) -> None:
        """Wait until the first message contains this."""
        await self.outlet.until(lambda: any(text in content for content in self.outlet.shown))

    async def noted(self, ticket: Ticket) -> list[str]:
        found = await self.rig.store.request_messages(ticket.request.id)
        return [message.message_id for message in found]


@asynccontextmanager
async def show(
    path: Path, *plays: Any, board: StatusBoard | None = None, **options: Any
) -> AsyncIterator[Show]:
    worker = FakeWorker(plays=deque(plays))
    async with rig(path / "f.db", worker=worker, **options) as on:
        shown = Show(on, board or ready_board(), FakeOutlet())
        yield shown
    await asyncio.gather(*shown.runs)


async def test_from_the_typing_sign_to_the_last_edit(tmp_path: Path):
    gate = asyncio.Event()
    async with show(tmp_path, ("Hel", gate, "lo")) as on:
        ticket = await on.ask()
        task = on.run(ticket)
        await on.until("Hel")
        await on.outlet.until(lambda: on.outlet.typed == ["begin", "end"])
        assert await on.noted(ticket) == ["101"]
        gate.set()
        await task
        assert on.outlet.shown == ["Hello\n-# tuned"]
        answer = await on.rig.store.answer_by_message(FRONT_END, "101")
        assert answer is not None
        assert answer.text == "Hello"
        assert on.told == [(answer.id, 5, 101)]
        assert await on.noted(ticket) == []


async def test_many_deltas_make_few_edits(tmp_path: Path):
    async with show(tmp_path, tuple("word " for _ in range(300))) as on:
        await on.run(await on.ask())
        assert on.outlet.shown[-1].startswith("word word")
        assert len(on.outlet.calls) < 10


async def test_a_long_answer_continues_in_further_messages(tmp_path: Path):
    async with show(tmp_path, ("a sentence. " * 500,)) as on:
        await on.run(await on.ask())
        joined = "".join(on.outlet.shown).removesuffix("\n-# tuned")
        assert joined.replace(" ", "") == "asentence." * 500
        buttons = [ids for ids in on.outlet.buttons.values() if ids]
        assert len(buttons) == 1
        answer_id = on.told[0][0]
        for message_id in on.outlet.messages:
            shown = await on.rig.store.answer_by_message(FRONT_END, str(message_id))
            assert shown is not None
            assert shown.id == answer_id


async def test_waiting_shows_the_place_and_changes_it(tmp_path: Path):
    async with show(tmp_path, running=False) as on:
        ahead = await on.ask(user="bob")
        ticket = await on.ask()
        task = on.run(ticket)
        await on.until("number 2 in line")
        ahead.stop()
        await on.until("next in line")
        assert on.outlet.buttons[101], "it can be stopped while it waits"
        ticket.stop()
        await task
        assert on.outlet.shown == ["-# Stopped."]
        assert on.told == []


async def test_a_worker_that_loads_says_so(tmp_path: Path):
    board = StatusBoard()
    async with show(tmp_path, running=False, board=board) as on:
        task = on.run(await on.ask())
        await on.until("still waking up.")
        board.show(WorkerStatus(WorkerPhase.LOADING, "weights", 0.5))
        await on.until("still waking up (50%)")
        board.show(WorkerStatus(WorkerPhase.READY))
        await on.until("next in line")
        on.open()
        await task
        assert on.outlet.shown == ["Hello there\n-# tuned"]


async def test_a_breakdown_in_the_middle_begins_anew(tmp_path: Path):
    gate, second = asyncio.Event(), asyncio.Event()
    async with show(tmp_path, ("Half", gate, WorkerDied("gone")), (second, "Whole")) as on:
        task = on.run(await on.ask())
        await on.until("Half")
        gate.set()
        await on.until("I start again")
        second.set()
        await task
        assert on.outlet.shown == ["Whole\n-# tuned"]


async def test_a_request_under_way_says_so_where_the_waiting_stood(tmp_path: Path):
    gate = asyncio.Event()
    async with show(tmp_path, (gate, "Hi"), running=False) as on:
        task = on.run(await on.ask())
        await on.until("next in line")
        on.open()
        await on.until("I am at it")
        gate.set()
        await task
        assert on.outlet.shown == ["Hi\n-# tuned"]


async def test_the_last_edit_comes_however_often_it_takes(tmp_path: Path):
    async with show(tmp_path, ("Hello",)) as on:
        on.outlet.failures.extend([cut_off(), refusal(503), refusal(429)])
        ticket = await on.ask()
        await ticket.result()
        on.outlet.failures.popleft()
        await on.run(ticket)
        assert on.outlet.shown == ["Hello\n-# tuned"]
        assert len(on.told) == 1


async def test_an_end_that_cannot_be_shown_is_left_to_the_next_start(tmp_path: Path):
    async with show(tmp_path, ("Hello",)) as on:
        ticket = await on.ask()
        await ticket.result()
        on.outlet.failures.extend([cut_off()] * 3)
        await on.run(ticket)
        since = on.rig.time.at.replace(year=2024)
        left = await on.rig.store.undelivered(FRONT_END, since)
        assert [request.id for request in left] == [ticket.request.id]
        assert on.told == []


async def test_an_edit_that_fails_in_between_loses_nothing(tmp_path: Path):
    gate = asyncio.Event()
    async with show(tmp_path, ("Hel", gate, "lo")) as on:
        on.outlet.failures.extend([cut_off(), refusal(500)])
        task = on.run(await on.ask())
        await on.outlet.until(lambda: not on.outlet.failures)
        gate.set()
        await task
        assert on.outlet.shown == ["Hello\n-# tuned"]


async def test_a_message_deleted_meanwhile_stops_the_request(tmp_path: Path):
    async with show(tmp_path, ("Hel", "lo", Hang())) as on:
        ticket = await on.ask()
        task = on.run(ticket)
        await on.until("Hel")
        on.outlet.messages.clear()
        ticket.publish(Queued(ticket.request.id, 1, None))  # any further event leads to an edit
        ticket.publish(Delta("more"))
        async with asyncio.timeout(LIMIT_S):
            await task
        assert ticket.request.state is RequestState.STOPPED
        assert on.outlet.shown == []
        since = on.rig.time.at.replace(year=2024)
        assert await on.rig.store.undelivered(FRONT_END, since) == []


async def test_a_channel_that_is_closed_to_us_stops_the_request(tmp_path: Path):
    async with show(tmp_path, ("Hello", Hang())) as on:
        on.outlet.failures.append(refusal(403, 50013))
        ticket = await on.ask()
        async with asyncio.timeout(LIMIT_S):
            await on.run(ticket)
        assert on.outlet.shown == []
        assert ticket.outcome is not None


async def test_a_parked_request_is_marked_and_goes_on_in_the_same_message(tmp_path: Path):
    async with show(tmp_path, ("Half", Hang())) as on:
        ticket = await on.ask()
        task = on.run(ticket)
        await on.until("Half")
        await on.rig.chat.aclose(0)
        await task
        assert "when I am back" in on.outlet.shown[0]
        assert await on.noted(ticket) == ["101"]
        messages = on.outlet.messages
    async with show(tmp_path, ("Whole",), running=False) as on:
        on.outlet.messages = messages
        [ticket] = await on.rig.chat.resume()

        async def look() -> list[int]:
            return [101]

        task = on.run(ticket, look=look)
        on.open()
        await task
        assert on.outlet.shown == ["Whole\n-# tuned"]
        assert "send" not in on.outlet.calls


async def test_a_failure_is_said(tmp_path: Path):
    async with show(tmp_path, (WorkerDied("a"),), (WorkerDied("b"),)) as on:
        ticket = await on.ask()
        await on.run(ticket)
        assert on.outlet.shown[0].startswith("⚠️ The model broke down twice")


async def test_the_store_may_fail_and_the_person_still_reads_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def fail(*_: Any) -> None:
        raise StoreError("the disk is full")

    async with show(tmp_path, ("Hello",)) as on:
        monkeypatch.setattr(on.rig.store, "add_request_message", fail)
        monkeypatch.setattr(on.rig.store, "delivered", fail)
        await on.run(await on.ask())
        assert on.outlet.shown == ["Hello\n-# tuned"]
    assert caplog.text.count("the disk is full") == 2


async def test_cancelling_leaves_nothing_running(tmp_path: Path):
    async with show(tmp_path, ("Hel", Hang())) as on:
        task = on.run(await on.ask())
        await on.until("Hel")
        before = len(asyncio.all_tasks())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) <= before - 3


async def test_an_answer_that_is_stored_late_stays_in_sight_and_is_rated_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with show(tmp_path, ("Hello",)) as on:
        calls = failing(on.rig.store, "finish", monkeypatch, 2)
        failing(on.rig.store, "delivered", monkeypatch, 2)
        await on.run(await on.ask())
        assert on.outlet.shown == ["Hello\n-# tuned"]
        assert len(calls) == 3
        assert [told[1:] for told in on.told] == [(5, 101)]
        assert await on.rig.store.answer_by_message(FRONT_END, "101")


async def test_an_answer_that_is_never_stored_stays_with_a_word_and_is_not_rated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with show(tmp_path, ("Hello",)) as on:
        failing(on.rig.store, "finish", monkeypatch, 99)
        ticket = await on.ask()
        await on.run(ticket)
        [content] = on.outlet.shown
        assert content.startswith("Hello\n-# ⚠️ ")
        assert content.endswith("\n-# tuned")
        assert on.told == []
        assert await on.noted(ticket) == ["101"], "the next start finds its messages"


async def test_what_was_read_stays_until_the_next_attempt_has_more(tmp_path: Path):
    gate, second, third = asyncio.Event(), asyncio.Event(), asyncio.Event()
    plays = (("A longer text", gate, WorkerDied("gone")), (second, "A lo", third, "nger text!"))
    async with show(tmp_path, *plays) as on:
        task = on.run(await on.ask())
        await on.until("A longer text")
        gate.set()
        await on.until("I start again")
        assert on.outlet.shown[0].startswith("A longer text\n")
        second.set()
        third.set()
        await task
        assert on.outlet.shown == ["A longer text!\n-# tuned"]


async def test_a_refused_text_ends_with_a_line_and_the_request_is_stopped(tmp_path: Path):
    gate = asyncio.Event()
    async with show(tmp_path, ("Hel", gate, "lo", Hang())) as on:
        ticket = await on.ask()
        task = on.run(ticket)
        await on.until("Hel")
        on.outlet.failures.append(refusal(400, 200000))
        gate.set()
        await task
        assert on.outlet.shown == [f"Hel\n-# {phrases.REFUSED_REST}"]
        assert ticket.request.state is RequestState.STOPPED
        assert on.told == []
        since = on.rig.time.at.replace(year=2024)
        assert await on.rig.store.undelivered(FRONT_END, since) == []


async def test_a_text_that_is_refused_from_the_start_leaves_one_line(tmp_path: Path):
    async with show(tmp_path, ("Hello", Hang())) as on:
        on.outlet.failures.append(refusal(400, 200000))
        await on.run(await on.ask())
        assert on.outlet.shown == [f"-# {phrases.REFUSED_ALL}"]


@pytest.mark.parametrize("nothing", ["", "\u3164", "** **"])
async def test_an_answer_that_says_nothing_cannot_be_rated(tmp_path: Path, nothing: str):
    async with show(tmp_path, (nothing,) if nothing else ()) as on:
        on.rig.worker.otherwise = ()
        ticket = await on.ask()
        await on.run(ticket)
        assert on.outlet.shown == [f"{phrases.EMPTY_ANSWER}\n-# tuned"]
        assert on.told == []
        assert await on.rig.store.answer_by_message(FRONT_END, "101") is None
        since = on.rig.time.at.replace(year=2024)
        assert await on.rig.store.undelivered(FRONT_END, since) == []
