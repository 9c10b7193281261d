"""A store that fails as a request ends: people read the end at once, and it is stored once."""

import asyncio
from typing import Any

import pytest

from bot.chat import persistence
from bot.chat.events import Ended, Finished, Restarted, Retracted, Started, Thinking, Written
from bot.chat.persistence import Persistence
from data.errors import StoreConflict, StoreError
from data.records import NewAnswer, RequestState
from model.client import ThoughtDelta
from model.errors import WorkerDied, WorkerRefused
from tests.bot.rig import ended, events, failing, finished, new_request, place_in_queue, rig, until
from tests.fakes.worker import FakeWorker, Hang


@pytest.fixture
def path(tmp_path):
    return tmp_path / "test.db"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(persistence, "WRITE_AGAIN_S", (0.0, 0.0, 0.0))


async def test_what_works_later_is_stored_and_both_are_told(path, monkeypatch):
    async with rig(path) as it:
        calls = failing(it.store, "finish", monkeypatch, 2)
        ticket = await it.submit()
        history = await events(ticket)
        written, end = history[-2:]
        assert isinstance(written, Written)
        assert isinstance(end, Finished)
        assert written.state is RequestState.FINISHED
        assert written.answer.text == end.answer.text == "Hello there"
        assert len(calls) == 3
        assert (await it.store.request(ticket.request.id)).state is RequestState.FINISHED


async def test_what_never_works_ends_with_the_answer_in_hand(path, monkeypatch):
    async with rig(path) as it:
        failing(it.store, "finish", monkeypatch, 99)
        end = await ended(await it.submit())
        assert end.unkept is not None
        assert end.unkept.text == "Hello there"


async def test_others_are_answered_meanwhile(path, monkeypatch):
    monkeypatch.setattr(persistence, "WRITE_AGAIN_S", (3600.0,))
    async with rig(path, worker_concurrency=1) as it:
        failing(it.store, "finish", monkeypatch, 1)
        first, second = await it.submit(), await it.submit()
        await finished(second)
        assert first.outcome is None
        again = await it.chat.submit(it.ask(source_key=first.request.source_key))
        assert again is first, "the same cause makes no second answer"
        await it.chat.aclose(0)
        await finished(first)  # leaving, the program tries once more


@pytest.mark.parametrize("stopped", [True, False])
async def test_an_end_without_an_answer_is_told_at_once(path, monkeypatch, stopped):
    worker = FakeWorker(otherwise=(Hang(),) if stopped else (WorkerRefused(400, "bad", "no"),))
    async with rig(path, worker=worker) as it:
        failing(it.store, "end", monkeypatch, 2)
        ticket = await it.submit()
        if stopped:
            await until(ticket, Started)
            ticket.stop()
        state = (await ended(ticket)).state
        await it.chat.aclose(0)
        assert (await it.store.request(ticket.request.id)).state is state


async def test_a_request_begins_though_the_store_hesitates(path, monkeypatch):
    async with rig(path) as it:
        failing(it.store, "mark_running", monkeypatch, 2)
        assert (await finished(await it.submit())).answer.text == "Hello there"


async def test_a_conflict_is_no_reason_to_try_again():
    calls: list[int] = []

    async def conflict() -> None:
        calls.append(1)
        raise StoreConflict("it has ended")

    with pytest.raises(StoreConflict):
        await Persistence().write(conflict)
    assert calls == [1]


async def test_who_leaves_tries_once_more(monkeypatch):
    monkeypatch.setattr(persistence, "WRITE_AGAIN_S", (3600.0, 3600.0))
    told = asyncio.Event()
    keeper, calls = Persistence(), []

    async def fail() -> None:
        calls.append(1)
        raise StoreError("full")

    writing = asyncio.create_task(keeper.write(fail, lambda _: told.set()))
    await told.wait()
    keeper.leave()
    with pytest.raises(StoreError):
        await writing
    assert len(calls) == 2


async def shown_before(path) -> Any:
    """A request that a killed process left running."""
    async with rig(path, running=False) as it:
        request, _ = await it.store.add_request(new_request("k"))
        await it.store.mark_running(request.id)
        return request.id


NEW = NewAnswer(
    text="As read", variant="tuned", adapter_hash=None, model_id="unknown", finish_reason="stop",
    prompt_tokens=None, completion_tokens=None, queue_ms=0, first_token_ms=None, total_ms=1,
)  # fmt: skip


async def test_what_people_have_read_is_stored_and_not_asked_again(path):
    number = await shown_before(path)
    async with rig(path) as it:
        [ticket] = await it.chat.resume(hold=True)
        assert it.chat.resumption.holds(ticket)
        assert await it.chat.resume(hold=True) == []
        await it.chat.resumption.answered(ticket, NEW, RequestState.FINISHED)
        end = await finished(ticket)
        assert (end.answer.text, end.request.id) == ("As read", number)
        assert it.worker.calls == []


async def test_an_end_that_people_were_told_is_stored(path):
    number = await shown_before(path)
    async with rig(path) as it:
        [ticket] = await it.chat.resume(hold=True)
        await it.chat.resumption.ended(ticket, RequestState.FAILED, "It broke.")
        assert await ended(ticket) == Ended(RequestState.FAILED, "It broke.")
        assert (await it.store.request(number)).error == "It broke."


async def test_what_nobody_has_read_to_its_end_is_answered(path):
    await shown_before(path)
    async with rig(path) as it:
        [ticket] = await it.chat.resume(hold=True)
        same = await it.chat.submit(it.ask(source_key=ticket.request.source_key))
        assert same is ticket
        await it.chat.resumption.go_on(ticket)
        assert (await finished(ticket)).answer.text == "Hello there"


async def test_what_is_held_at_the_end_stays_for_the_next_start(path):
    await shown_before(path)
    async with rig(path) as it:
        [ticket] = await it.chat.resume(hold=True)
        await it.chat.aclose(0)
        assert (await ended(ticket)).state is RequestState.WAITING
        [row] = await it.store.unfinished()
        assert row.state is RequestState.RUNNING


async def test_thoughts_are_told_of_and_left_out(path):
    worker = FakeWorker(otherwise=(ThoughtDelta("hm"), "<think>", "so", "</think>", "Yes"))
    async with rig(path, worker=worker) as it:
        ticket = await it.submit()
        history = await events(ticket)
        assert [type(one) for one in history].count(Thinking) == 1
        assert (await finished(ticket)).answer.text == "Yes"


async def test_thoughts_without_a_beginning_are_taken_back(path):
    async with rig(path, worker=FakeWorker(otherwise=("I ponder\n", "</think>\n", "Yes"))) as it:
        first, second = await it.submit(), await it.submit()
        assert (await finished(first)).answer.text == "Yes"
        assert (await finished(second)).answer.text == "Yes"
        third = await events(await it.submit())
        assert Retracted not in [type(one) for one in third], "by now it is known beforehand"


async def test_a_try_that_breaks_off_in_thoughts_begins_anew(path):
    worker = FakeWorker(otherwise=("<think>a</think>Yes",))
    worker.plays.append(("<think>half a thou", WorkerDied("gone")))
    async with rig(path, worker=worker) as it:
        ticket = await it.submit()
        assert (await finished(ticket)).answer.text == "Yes"
        assert Restarted in [type(one) for one in await events(ticket)]


async def test_the_two_characters_of_a_line_end_come_in_two_pieces(path):
    async with rig(path, worker=FakeWorker(otherwise=("a 😀\r", "\nb"))) as it:
        assert (await finished(await it.submit())).answer.text == "a 😀\nb"


@pytest.mark.parametrize("nothing", ["\u3164", "** **", "<think>only</think>", "```\n```"])
async def test_an_answer_that_says_nothing_is_stored_as_none(path, nothing):
    async with rig(path, worker=FakeWorker(otherwise=(nothing,))) as it:
        assert (await finished(await it.submit())).answer.text == ""


async def test_held_requests_go_on_in_their_order(path):
    async with rig(path, running=False) as it:
        for key in "abc":
            await it.store.add_request(new_request(key))
    async with rig(path, running=False) as it:
        first, second, third = await it.chat.resume(hold=True)
        await it.chat.resumption.go_on(third)
        await it.chat.resumption.go_on(second)
        assert it.chat.load.waiting == 0
        await it.chat.resumption.ended(first, RequestState.STOPPED, "Stopped.")
        assert it.chat.load.waiting == 2
        assert place_in_queue(second).position == 1


async def test_what_is_stopped_while_it_is_held_does_not_begin(path):
    await shown_before(path)
    async with rig(path) as it:
        [ticket] = await it.chat.resume(hold=True)
        ticket.stop()
        await it.chat.resumption.go_on(ticket)
        assert (await ended(ticket)).state is RequestState.STOPPED
        assert it.worker.calls == []
