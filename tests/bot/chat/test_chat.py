import asyncio

import pytest

from bot.chat import persistence
from bot.chat.conversation import Utterance
from bot.chat.events import Delta, Ended, Finished, Queued, Restarted, Started
from bot.errors import (
    EmptyPrompt,
    PromptTooLong,
    QueueFull,
    ShuttingDown,
    TooManyWaiting,
    UnknownVariant,
)
from data.errors import StoreError
from data.records import RequestState, Turn
from model.client import Origin
from model.errors import WorkerLoading, WorkerRefused
from tests.bot.rig import (
    ended,
    events,
    finished,
    new_request,
    place_in_queue,
    rig,
    shown,
    until,
)
from tests.fakes.worker import FakeWatch, FakeWorker, Hang, away


@pytest.fixture
def path(tmp_path):
    return tmp_path / "test.db"


async def test_an_answer_is_streamed_and_stored_with_what_reproduces_it(path):
    async with rig(path) as it:
        ticket = await it.submit("What is best?", variant="tuned")
        history = await events(ticket)
        assert [type(event) for event in history] == [Queued, Started, Delta, Delta, Finished]
        assert history[0] == Queued(ticket.request.id, 1, 0.0)
        answer = (await finished(ticket)).answer
        assert (answer.text, answer.variant) == ("Hello there", "tuned")
        assert (answer.model_id, answer.adapter_hash) == ("tiny", "hash-of-tuned")
        assert (answer.prompt_tokens, answer.completion_tokens) == (7, 2)
        assert answer.finish_reason == "stop"
        stored = await it.store.request(ticket.request.id)
        assert stored.state is RequestState.FINISHED
        assert stored.turns == (Turn("user", "What is best?"),)
        assert stored.sampling.seed is not None
        [call] = it.worker.calls
        assert call.sampling.seed == stored.sampling.seed
        assert await it.store.answer_for(ticket.request.id) == answer


async def test_times_count_from_acceptance(path):
    gate, second = asyncio.Event(), asyncio.Event()
    worker = FakeWorker(otherwise=(gate, "a", second, "b"))
    watch = FakeWatch()
    watch.ready.clear()
    async with rig(path, worker=worker, watch=watch) as it:
        ticket = await it.submit()
        it.time.advance(1)
        watch.ready.set()
        await until(ticket, Started)
        it.time.advance(2)
        gate.set()
        await until(ticket, Delta)
        it.time.advance(4)
        second.set()
        answer = (await finished(ticket)).answer
    assert (answer.queue_ms, answer.first_token_ms, answer.total_ms) == (1000, 3000, 7000)


async def test_late_and_several_readers_see_everything(path):
    async with rig(path) as it:
        ticket = await it.submit()
        first, second = await asyncio.gather(events(ticket), events(ticket))
        assert first == second == await events(ticket)
        assert await ticket.result() == first[-1] == ticket.outcome


async def test_the_same_source_key_gives_the_same_request(path):
    gate = asyncio.Event()
    async with rig(path, worker=FakeWorker(otherwise=(gate, "x"))) as it:
        ask = it.ask()
        first, twin = await asyncio.gather(it.chat.submit(ask), it.chat.submit(ask))
        assert twin is first
        assert await it.chat.submit(ask) is first
        gate.set()
        end = await finished(first)
        later = await it.chat.submit(ask)
        assert (await events(later)) == [Finished(end.answer, later.request)]
        later.stop()
        assert len(it.worker.calls) == 1


async def test_a_known_key_is_no_new_request_when_the_queue_is_full(path):
    worker = FakeWorker()
    async with rig(path, worker=worker, queue_max=1, worker_concurrency=1) as it:
        ask = it.ask()
        end = await finished(await it.chat.submit(ask))
        worker.otherwise = (Hang(),)
        await it.submit(user="bob")
        await it.submit(user="cy")
        again = await it.chat.submit(ask)
        assert (await finished(again)).answer == end.answer
        with pytest.raises(QueueFull):
            await it.submit(user="dora")


async def test_history_of_the_conversation_is_sent_and_that_outside_is_not(path):
    async with rig(path) as it:
        await (await it.submit("one")).result()
        await (await it.submit("aside", in_history=False)).result()
        await (await it.submit("elsewhere", conversation="d")).result()
        await (await it.submit("two")).result()
        assert it.worker.calls[-1].turns == (
            ("user", "one"),
            ("assistant", "Hello there"),
            ("user", "two"),
        )


async def test_a_front_ends_own_history_persona_and_speakers(path):
    async with rig(path) as it:
        history = (Utterance("Bob", "I like \x1b[31mtea"), Utterance(None, "So do I"))
        ticket = await it.submit("And?", persona="Be kind.", history=history)
        await ticket.result()
        assert it.worker.calls[-1].turns == (
            ("system", "Be kind."),
            ("user", "Bob: I like [31mtea"),
            ("assistant", "So do I"),
            ("user", "Ann: And?"),
        )


async def test_no_history_is_read_for_a_budget_of_one_turn(path):
    async with rig(path, history_max_turns=1) as it:
        await (await it.submit("one")).result()
        await (await it.submit("two")).result()
        assert it.worker.calls[-1].turns == (("user", "two"),)


@pytest.mark.parametrize(
    ("text", "error"),
    [("", EmptyPrompt), (" \x00\u200b\ud800", EmptyPrompt), ("x" * 100_000, PromptTooLong)],
)
async def test_bad_prompts_are_refused_and_not_stored(path, text, error):
    async with rig(path) as it:
        with pytest.raises(error):
            await it.submit(text)
        assert await it.store.unfinished() == []


async def test_unknown_variant_is_refused_with_those_there_are(path):
    async with rig(path) as it:
        with pytest.raises(UnknownVariant, match=r"'nope'.*base, tuned"):
            await it.submit(variant="nope")


async def test_limits_count_the_waiting_and_the_running(path):
    worker = FakeWorker(otherwise=(Hang(),))
    async with rig(path, worker=worker, queue_max=2, worker_concurrency=1, queue_per_user=2) as it:
        await it.submit()
        await it.submit()
        with pytest.raises(TooManyWaiting, match="2 messages"):
            await it.submit()
        await it.submit(user="bob")
        with pytest.raises(QueueFull) as full:
            await it.submit(user="cy")
        assert full.value.retry_after_s == 30
        assert len(await it.store.unfinished()) == 3


async def test_many_at_once_never_pass_the_limit(path):
    worker = FakeWorker(otherwise=(Hang(),))
    async with rig(path, worker=worker, queue_max=3, worker_concurrency=1) as it:
        results = await asyncio.gather(
            *(it.submit(user=f"user {number}") for number in range(12)), return_exceptions=True
        )
        assert sum(isinstance(result, QueueFull) for result in results) == 8
        assert worker.most_open == 1


async def test_people_take_turns_and_see_their_position_change(path):
    gate = asyncio.Event()
    worker = FakeWorker(otherwise=(gate, "x"))
    async with rig(path, worker=worker, worker_concurrency=1) as it:
        first = await it.submit("a1")
        await until(first, Started)
        tickets = [await it.submit("a2"), await it.submit("a3"), await it.submit("b1", "bob")]
        positions = [place_in_queue(ticket).position for ticket in tickets]
        assert positions == [1, 3, 2]
        gate.set()
        for ticket in [first, *tickets]:
            await ticket.result()
        assert [call.turns[-1][1] for call in worker.calls] == ["a1", "a2", "b1", "a3"]
        seen = [event.position for event in await events(tickets[1]) if isinstance(event, Queued)]
        assert seen == [2, 3, 2, 1]


async def test_the_estimate_comes_from_earlier_answers(path):
    gate = asyncio.Event()
    worker = FakeWorker(otherwise=(gate, "x"))
    async with rig(path, worker=worker, worker_concurrency=1) as it:
        first = await it.submit()
        await until(first, Started)
        second = await it.submit()
        assert place_in_queue(second).estimate_s is None
        it.time.advance(10)
        gate.set()
        await first.result()
        await second.result()
        gate.clear()
        await until(await it.submit(), Started)
        third = await it.submit()
        assert place_in_queue(third).estimate_s == pytest.approx(8)


async def test_stopping_a_running_answer_keeps_the_text_so_far(path):
    worker = FakeWorker(otherwise=("some ", "text", Hang()))
    async with rig(path, worker=worker) as it:
        ticket = await it.submit(variant="tuned")
        async for event in ticket.events():
            if event == Delta("text"):
                ticket.stop()
                ticket.stop()
        end = await finished(ticket)
        assert (end.answer.text, end.answer.adapter_hash) == ("some text", "hash-of-tuned")
        assert end.answer.completion_tokens is None
        assert end.request.state is RequestState.STOPPED
        assert (await it.store.request(ticket.request.id)).state is RequestState.STOPPED
        assert worker.open_streams == 0


async def test_a_stopped_answer_names_the_adapter_that_gave_it(path):
    """Another version was promoted meanwhile: what the bot remembers is not what answered."""
    worker = FakeWorker(otherwise=("text", Hang()), origin=Origin("model", "sha256:promoted"))
    async with rig(path, worker=worker) as it:
        ticket = await it.submit(variant="tuned")
        async for event in ticket.events():
            if event == Delta("text"):
                ticket.stop()
        answer = (await finished(ticket)).answer
        assert (answer.adapter_hash, answer.model_id) == ("sha256:promoted", "model")


async def test_stopping_before_any_text_stores_no_answer(path):
    async with rig(path, worker=FakeWorker(otherwise=(Hang(),)), worker_concurrency=1) as it:
        running, waiting = await it.submit(), await it.submit()
        await until(running, Started)
        waiting.stop()
        running.stop()
        for ticket in (waiting, running):
            assert await ticket.result() == Ended(RequestState.STOPPED, "Stopped.")
            assert await it.store.answer_for(ticket.request.id) is None
            assert (await it.store.request(ticket.request.id)).state is RequestState.STOPPED
        assert len(it.worker.calls) == 1


async def test_stopping_at_once_after_submitting(path):
    async with rig(path) as it:
        ticket = await it.submit()
        ticket.stop()
        assert (await ended(ticket)).state is RequestState.STOPPED
        assert it.worker.calls == []


async def test_stopping_between_being_chosen_and_being_served(path):
    async with rig(path) as it:
        await it.store.add_request(new_request("key"))
        [ticket] = await it.chat.resume()
        ticket.stop()  # in the same step of the loop: its task has not begun
        assert (await ended(ticket)).state is RequestState.STOPPED
        assert it.worker.calls == []


async def test_those_behind_one_that_is_stopped_move_up(path):
    async with rig(path, worker=FakeWorker(otherwise=(Hang(),)), worker_concurrency=1) as it:
        await until(await it.submit(), Started)
        first, second = await it.submit(), await it.submit(user="bob")
        first.stop()
        assert place_in_queue(second).position == 1


async def test_stopping_after_the_end_changes_nothing(path):
    async with rig(path) as it:
        ticket = await it.submit()
        end = await ticket.result()
        ticket.stop()
        assert await events(ticket) == await events(ticket)
        assert ticket.outcome is end


async def test_what_was_submitted_is_answered_though_the_submitter_is_cancelled(path):
    async with rig(path) as it:
        submitting = asyncio.create_task(it.chat.submit(it.ask(source_key="k")))
        await asyncio.sleep(0)  # one step: it is being stored
        submitting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await submitting
        await it.worker.calls_made(1)
        again = await it.chat.submit(it.ask(source_key="k"))
        assert shown(await events(again)) == "Hello there"
        assert len(it.worker.calls) == 1


async def test_a_store_that_cannot_take_the_request_refuses_it(path, monkeypatch):
    async with rig(path) as it:

        async def full(_new):
            raise StoreError("no room left")

        monkeypatch.setattr(it.store, "add_request", full)
        with pytest.raises(StoreError, match="no room"):
            await it.submit()


@pytest.mark.parametrize("broken", ["finish", "end", "mark_running"])
async def test_a_store_that_fails_later_still_gives_one_terminal_event(path, monkeypatch, broken):
    async with rig(path) as it:

        async def full(*_):
            raise StoreError("no room left")

        monkeypatch.setattr(persistence, "WRITE_AGAIN_S", (0.0,))
        monkeypatch.setattr(it.store, broken, full)
        if broken == "end":
            it.worker.otherwise = (WorkerRefused(400, "bad", "no"),)
        ticket = await it.submit()
        end = (await events(ticket))[-1]
        assert isinstance(end, Ended)
        assert end.state is RequestState.FAILED


async def test_a_surprise_inside_is_logged_and_answered(path, monkeypatch, caplog):
    async with rig(path) as it:
        it.worker.otherwise = ("a", KeyError("surprise"))
        ticket = await it.submit()
        assert (await ended(ticket)).message.startswith("Something went wrong")
        assert "surprise" in caplog.text
        it.worker.otherwise = ("fine",)

        async def surprising(*_):
            raise KeyError("surprise in the last word")

        monkeypatch.setattr(it.store, "finish", surprising)
        assert isinstance(await (await it.submit()).result(), Ended)


async def test_a_closed_chat_takes_nothing_and_parks_what_waits(path):
    worker = FakeWorker(otherwise=("part", Hang()))
    async with rig(path, worker=worker, worker_concurrency=1) as it:
        running, waiting = await it.submit(), await it.submit()
        await until(running, Delta)
        await it.chat.aclose()
        for ticket in (running, waiting):
            assert (await ended(ticket)).state is RequestState.WAITING
        with pytest.raises(ShuttingDown):
            await it.submit()
        rows = await it.store.unfinished()
        assert [row.state for row in rows] == [RequestState.WAITING] * 2
    async with rig(path, running=False) as it:
        tickets = await it.chat.resume()
        run = asyncio.create_task(it.chat.run())
        assert [shown(await events(ticket)) for ticket in tickets] == ["Hello there"] * 2
        await it.chat.aclose()
        await run


async def test_closing_waits_for_what_runs_and_starts_nothing_new(path):
    gate = asyncio.Event()
    async with rig(path, worker=FakeWorker(otherwise=(gate, "x")), worker_concurrency=1) as it:
        running, waiting = await it.submit(), await it.submit()
        await until(running, Started)
        closing = asyncio.create_task(it.chat.aclose(drain_s=5))
        for _ in range(50):  # it would have cut the answer short by now
            await asyncio.sleep(0)
        gate.set()
        await closing
        assert isinstance(running.outcome, Finished)
        assert isinstance(waiting.outcome, Ended)
        assert waiting.outcome.state is RequestState.WAITING
        assert len(it.worker.calls) == 1


async def test_what_waits_for_the_worker_is_parked_too(path):
    watch = FakeWatch()
    watch.ready.clear()
    async with rig(path, watch=watch) as it:
        ticket = await it.submit()
        await watch.waiting.wait()
        await it.chat.aclose()
        assert (await ended(ticket)).state is RequestState.WAITING
        [row] = await it.store.unfinished()
        assert (row.state, row.attempts) == (RequestState.WAITING, 0)


async def test_cancelling_run_parks_too(path):
    async with rig(path, worker=FakeWorker(otherwise=(Hang(),)), running=False) as it:
        run = asyncio.create_task(it.chat.run())
        ticket = await it.submit()
        await until(ticket, Started)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert isinstance(ticket.outcome, Ended)
        assert ticket.outcome.state is RequestState.WAITING
        [row] = await it.store.unfinished()
        assert row.state is RequestState.WAITING


async def test_an_asked_for_variant_waits_for_a_worker_that_cannot_say(path):
    worker = FakeWorker(models_error=WorkerLoading("loading"))
    async with rig(path, worker=worker) as it:
        assert shown(await events(await it.submit(variant="tuned"))) == "Hello there"
        worker.plays.append((WorkerRefused(404, "model_not_found", "no"),))
        end = await (await it.submit(variant="gone")).result()
        assert end == Ended(RequestState.FAILED, "The model 'gone' is not there (any more).")


async def test_nobodys_choice_falls_back_to_what_there_is(path):
    worker = FakeWorker(models_error=away(), variants=("base",))
    worker.plays.append((WorkerRefused(404, "model_not_found", "no"),))
    async with rig(path, worker=worker) as it:
        ticket = await it.submit()
        worker.models_error = None
        end = await finished(ticket)
        assert (end.answer.variant, end.request.variant) == ("base", "tuned")
        assert [call.variant for call in worker.calls] == ["tuned", "base"]
        assert Restarted not in [type(event) for event in await events(ticket)]


async def test_a_chosen_variant_does_not_fall_back(path):
    worker = FakeWorker(otherwise=(WorkerRefused(404, "model_not_found", "no"),))
    async with rig(path, worker=worker) as it:
        end = await ended(await it.submit(variant="tuned"))
        assert end.message == "The model 'tuned' is not there (any more). There are: base, tuned."


async def test_ids_of_a_stopped_answer_of_an_unknown_worker(path):
    worker = FakeWorker(otherwise=("x", Hang()), models_error=away())
    async with rig(path, worker=worker) as it:
        ticket = await it.submit()
        await until(ticket, Delta)
        ticket.stop()
        assert (await finished(ticket)).answer.model_id == "unknown"
