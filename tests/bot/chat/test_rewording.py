"""Questions that change while they wait, and while they are being answered."""

import asyncio
from dataclasses import replace

import pytest

from bot.chat.events import Delta, Ended, Restarted
from bot.errors import PromptTooLong
from data.records import RequestState
from tests.bot.rig import ended, finished, rig, until
from tests.fakes.worker import FakeWorker, Hang


@pytest.fixture
def path(tmp_path):
    return tmp_path / "test.db"


def worker(*plays):
    made = FakeWorker()
    made.plays.extend(plays)
    return made


async def test_the_new_words_are_answered_though_the_old_ones_run(path):
    async with rig(path, worker=worker(("Half", Hang()), ("Whole",))) as it:
        ticket = await it.submit("Old?")
        await until(ticket, Delta)

        async def new():
            return it.ask("New?", source_key=ticket.request.source_key)

        assert await it.chat.reword(ticket, new)
        end = await finished(ticket)
        assert end.answer.text == "Whole"
        assert [call.turns[-1][1] for call in it.worker.calls] == ["Old?", "New?"]
        stored = await it.store.request(ticket.request.id)
        assert (stored.prompt, stored.turns[-1].content) == ("New?", "New?")
        assert stored.attempts == 1, "the new words were tried once"
        events = [event async for event in ticket.events()]
        assert sum(isinstance(event, Restarted) for event in events) == 1


async def test_nothing_is_answered_while_the_words_change(path):
    gate = asyncio.Event()
    async with rig(path, worker=worker((Hang(),), ("Whole",))) as it:
        ticket = await it.submit("Old?")
        await it.worker.calls_made(1)

        first = asyncio.create_task(it.chat.reword(ticket, lambda: _after(gate, it.ask("New?"))))
        second = asyncio.create_task(it.chat.reword(ticket, lambda: _soon(it.ask("Newer?"))))
        await it.store.unfinished()
        assert len(it.worker.calls) == 1
        gate.set()
        assert await first
        assert await second
        await finished(ticket)
        assert [call.turns[-1][1] for call in it.worker.calls] == ["Old?", "Newer?"]


async def test_a_change_that_fails_lets_the_old_words_be_answered(path):
    async with rig(path, worker=worker((Hang(),), ("Whole",)), prompt_max_chars=20) as it:
        ticket = await it.submit("Old?")
        await it.worker.calls_made(1)
        with pytest.raises(PromptTooLong):
            await it.chat.reword(ticket, lambda: _soon(it.ask("too long " * 9)))
        end = await finished(ticket)
        assert end.request.prompt == "Old?"
        assert [call.turns[-1][1] for call in it.worker.calls] == ["Old?", "Old?"]


async def test_what_has_ended_stays(path):
    async with rig(path) as it:
        ticket = await it.submit("Old?")
        await finished(ticket)
        assert not await it.chat.reword(ticket, lambda: _soon(it.ask("New?")))
        assert (await it.store.request(ticket.request.id)).prompt == "Old?"


async def test_stopped_while_the_words_change_it_ends(path):
    gate = asyncio.Event()
    async with rig(path, worker=worker((Hang(),))) as it:
        ticket = await it.submit("Old?")
        await it.worker.calls_made(1)

        changing = asyncio.create_task(it.chat.reword(ticket, lambda: _after(gate, it.ask("New?"))))
        await it.store.unfinished()
        ticket.stop()
        gate.set()
        await changing
        end = await ended(ticket)
        assert end.state is RequestState.STOPPED
        assert len(it.worker.calls) == 1


async def test_a_question_taken_back_leaves_no_answer(path):
    async with rig(path, worker=worker(("Half", Hang()))) as it:
        ticket = await it.submit("Old?")
        await until(ticket, Delta)
        ticket.withdraw()
        assert await ended(ticket) == Ended(RequestState.STOPPED, "Stopped.")
        assert await it.store.answer_for(ticket.request.id) is None
        assert ticket.withdrawn


async def _after(gate, ask):
    await gate.wait()
    return ask


async def _soon(ask):
    return replace(ask)
