"""What a killed bot leaves in the store, and what the next one makes of it."""

import asyncio

import pytest

from bot.chat.events import Finished
from data.records import NewAnswer, NewRequest, RequestState, Turn
from data.store.store import Store
from tests.bot.rig import ManualClock, events, rig, shown
from tests.fakes.sampling import stored_sampling
from tests.fakes.worker import FakeWorker


@pytest.fixture
def path(tmp_path):
    return tmp_path / "test.db"


@pytest.fixture
def time():
    return ManualClock()


def new(key, user="ann"):
    return NewRequest(
        source_key=key,
        conversation="c",
        front_end="test",
        user_id=user,
        user_name=user,
        prompt=key,
        turns=(Turn("user", key),),
        variant="base",
        sampling=stored_sampling(seed=5),
    )


async def leave(path, time, *keys, running=0, attempts=1):
    """A store as a killed bot leaves it: the first `running` requests were being answered."""
    async with await Store.open(path, now=time.clock.now) as store:
        ids = [(await store.add_request(new(key)))[0].id for key in keys]
        for request_id in ids[:running]:
            for attempt in range(attempts):
                if attempt:
                    await store.requeue(request_id)
                await store.mark_running(request_id)
    return ids


async def test_what_another_front_end_was_asked_goes_on_waiting(path, time):
    [request_id] = await leave(path, time, "one", running=1)
    async with rig(path, time=time) as it:
        assert await it.chat.resume(["elsewhere"]) == []
        assert it.worker.calls == []
        [waiting] = await it.store.unfinished()
        assert waiting.id == request_id
        [ticket] = await it.chat.resume(["elsewhere", "test"])
        assert shown(await events(ticket)) == "Hello there"


async def test_all_are_answered_once_in_order(path, time):
    ids = await leave(path, time, "one", "two", "three", running=1)
    async with rig(path, time=time, worker_concurrency=1) as it:
        tickets = await it.chat.resume()
        assert [ticket.request.id for ticket in tickets] == ids
        assert [shown(await events(ticket)) for ticket in tickets] == ["Hello there"] * 3
        assert [call.turns[-1][1] for call in it.worker.calls] == ["one", "two", "three"]
        assert it.worker.calls[0].sampling.seed == 5
        assert await it.store.unfinished() == []
        assert await it.chat.resume() == []
    async with rig(path, time=time) as it:
        assert await it.chat.resume() == []
        assert it.worker.calls == []


async def test_too_old_ones_have_expired_visibly(path, time):
    [request_id, _] = await leave(path, time, "old", "older", running=1)
    time.advance(601)
    async with rig(path, time=time, request_ttl_s=600) as it:
        for ticket in await it.chat.resume():
            assert ticket.outcome.state is RequestState.EXPIRED
            assert "waited too long" in ticket.outcome.message
        assert (await it.store.request(request_id)).state is RequestState.EXPIRED
        assert it.worker.calls == []


async def test_one_that_was_interrupted_twice_is_let_go(path, time):
    await leave(path, time, "poison", running=1, attempts=2)
    async with rig(path, time=time) as it:
        [ticket] = await it.chat.resume()
        assert ticket.outcome.state is RequestState.FAILED
        assert "interrupted twice" in ticket.outcome.message


async def test_the_limits_do_not_hold_for_those_taken_up(path, time):
    await leave(path, time, *"abcdef")
    async with rig(path, time=time, queue_max=1, queue_per_user=1, worker_concurrency=1) as it:
        tickets = await it.chat.resume()
        for ticket in tickets:
            assert isinstance(await ticket.result(), Finished)
        assert len(tickets) == 6


async def test_the_same_message_seen_again_before_and_after_resuming(path, time):
    await leave(path, time, "one", "two", running=1)
    async with rig(path, time=time, running=False) as it:
        early = await it.chat.submit(it.ask(source_key="one"))
        [other] = await it.chat.resume()
        states = [row.state for row in await it.store.unfinished()]
        assert states == [RequestState.WAITING] * 2
        run = asyncio.create_task(it.chat.run())
        assert await it.chat.submit(it.ask(source_key="two")) is other
        assert shown(await events(early)) == shown(await events(other)) == "Hello there"
        assert len(it.worker.calls) == 2
        await it.chat.aclose()
        await run


async def test_the_end_of_an_earlier_process_is_told_again(path, time):
    [first, second] = await leave(path, time, "answered", "failed", running=1)
    async with await Store.open(path, now=time.clock.now) as store:
        answer = NewAnswer(
            text="42", variant="base", adapter_hash=None, model_id="tiny", finish_reason="stop",
            prompt_tokens=1, completion_tokens=1, queue_ms=0, first_token_ms=0, total_ms=0,
        )  # fmt: skip
        await store.finish(first, answer)
        await store.end(second, RequestState.FAILED, "it broke")
    async with rig(path, time=time) as it:
        told = [await (await it.chat.submit(it.ask(source_key=key))).result()
                for key in ("answered", "failed")]  # fmt: skip
        assert told[0].answer.text == "42"
        assert (told[1].state, told[1].message) == (RequestState.FAILED, "it broke")
        assert it.worker.calls == []


async def test_killed_in_the_middle_and_started_again(path, time):
    """The first bot is abandoned as kill -9 does: no close, no park, no last write."""
    worker = FakeWorker(otherwise=("half", asyncio.Event()))
    async with rig(path, time=time, worker=worker) as dying:
        await dying.submit()
        await worker.calls_made(1)
        async with rig(path, time=time) as it:
            [ticket] = await it.chat.resume()
            assert shown(await events(ticket)) == "Hello there"
            assert (await it.store.request(ticket.request.id)).attempts == 2
            # what the dead one would still write is refused by the store
            worker.otherwise = ()
            await dying.chat.aclose()
            assert (await it.store.answer_for(ticket.request.id)).text == "Hello there"
            assert (await it.store.request(ticket.request.id)).state is RequestState.FINISHED
