import asyncio

import pytest

from bot.chat.events import Delta, Ended, Finished, Restarted, Started
from data.records import RequestState, Turn
from model.client import AnswerDelta, Done, ThoughtDelta
from model.errors import WorkerDied, WorkerLoading, WorkerRefused, WorkerUnusable
from tests.bot.rig import ended, events, finished, rig, shown, until
from tests.fakes.worker import BreakOff, FakeWatch, FakeWorker, Hang, away

DEATH = WorkerDied("connection lost")
TOO_LONG = WorkerRefused(400, "context_length_exceeded", "too long")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "test.db"


def kinds(history):
    return [type(event) for event in history if type(event) in (Started, Delta, Restarted)]


@pytest.mark.parametrize("death", [DEATH, BreakOff()])
async def test_a_death_in_the_middle_is_tried_again_once_and_one_answer_seen(path, death):
    worker = FakeWorker()
    worker.plays.append(("half", death))
    async with rig(path, worker=worker) as it:
        ticket = await it.submit()
        history = await events(ticket)
        assert kinds(history) == [Started, Delta, Restarted, Delta, Delta]
        assert shown(history) == "Hello there"
        assert (await finished(ticket)).answer.text == "Hello there"
        assert (await it.store.request(ticket.request.id)).attempts == 2
        assert [kind for kind, _ in it.watch.reports] == ["unavailable"]
        first, second = worker.calls
        assert first == second  # the same seed too


async def test_a_second_death_ends_it(path):
    async with rig(path, worker=FakeWorker(otherwise=("half", DEATH))) as it:
        ticket = await it.submit()
        end = await ended(ticket)
        assert end.state is RequestState.FAILED
        assert "broke down twice" in end.message
        stored = await it.store.request(ticket.request.id)
        assert (stored.state, stored.attempts) == (RequestState.FAILED, 2)
        assert len(it.worker.calls) == 2


async def test_a_stall_counts_as_a_death_and_is_reported(path):
    worker = FakeWorker()
    worker.plays.append(("half", Hang()))
    async with rig(path, worker=worker, worker_stall_s=0.1) as it:
        history = await events(await it.submit())
        assert kinds(history) == [Started, Delta, Restarted, Delta, Delta]
        assert it.watch.reports == [("stall", "no text for 0.1 s")]
        assert worker.open_streams == 0


async def test_a_slow_stream_that_keeps_sending_is_no_stall(path):
    gates = [asyncio.Event() for _ in range(4)]
    worker = FakeWorker(otherwise=tuple(step for gate in gates for step in (gate, "x")))
    async with rig(path, worker=worker, worker_stall_s=0.3) as it:
        ticket = await it.submit()
        await until(ticket, Started)
        for gate in gates:
            await asyncio.sleep(0.1)  # real time is what is measured here
            gate.set()
        assert shown(await events(ticket)) == "xxxx"
        assert it.watch.reports == []


async def test_a_timeout_of_the_workers_own_is_no_stall(path):
    async with rig(path, worker=FakeWorker(otherwise=(TimeoutError("inner"),))) as it:
        assert "my side" in (await ended(await it.submit())).message
        assert it.watch.reports == []


@pytest.mark.parametrize("absence", [away(), WorkerLoading("loading", 0.5, 0.01)])
async def test_an_absent_worker_is_waited_for_without_counting(path, absence):
    worker = FakeWorker()
    worker.plays.extend([(absence,)] * 3)
    async with rig(path, worker=worker) as it:
        ticket = await it.submit()
        history = await events(ticket)
        assert kinds(history) == [Started, Delta, Delta]
        assert (await it.store.request(ticket.request.id)).attempts == 1
        assert [kind for kind, _ in it.watch.reports] == ["unavailable"] * 3


async def test_text_of_an_absent_worker_is_void(path):
    worker = FakeWorker()
    worker.plays.append(("half", away()))
    async with rig(path, worker=worker) as it:
        history = await events(await it.submit())
        assert kinds(history) == [Started, Delta, Restarted, Delta, Delta]
        assert shown(history) == "Hello there"


async def test_readiness_is_awaited_before_the_worker_is_asked(path):
    watch = FakeWatch()
    watch.ready.clear()
    async with rig(path, watch=watch) as it:
        ticket = await it.submit()
        await watch.waiting.wait()
        assert (it.worker.calls, ticket.request.attempts) == ([], 0)
        watch.ready.set()
        assert shown(await events(ticket)) == "Hello there"


async def test_a_worker_that_is_gone_for_good_fails_the_request_at_once(path):
    async with rig(path, watch=FakeWatch(gone="No such model.")) as it:
        assert await (await it.submit()).result() == Ended(RequestState.FAILED, "No such model.")


async def test_a_worker_that_never_gets_ready_fails_it_after_the_limit(path):
    watch = FakeWatch()
    watch.ready.clear()
    async with rig(path, watch=watch, worker_ready_timeout_s=1) as it:
        end = await ended(await it.submit())
        assert end.state is RequestState.FAILED
        assert "did not get ready in time" in end.message


async def test_a_full_worker_is_asked_again_later_without_a_report(path):
    worker = FakeWorker()
    worker.plays.append((WorkerRefused(429, "queue_full", "full", retry_after=0.01),))
    async with rig(path, worker=worker) as it:
        assert shown(await events(await it.submit())) == "Hello there"
        assert it.watch.reports == []


async def test_a_refusal_ends_it_and_the_servers_words_stay_in_the_log(path, caplog):
    worker = FakeWorker(otherwise=(WorkerRefused(400, "invalid_parameter", "top_p is bad"),))
    async with rig(path, worker=worker) as it:
        end = await (await it.submit()).result()
        assert isinstance(end, Ended)
        assert end.state is RequestState.FAILED
        assert "My operator can see why" in end.message
        assert "top_p" not in end.message
        assert "top_p is bad" in caplog.text


@pytest.mark.parametrize(
    ("refusal", "words", "reports"),
    [
        (WorkerUnusable(401, None, "bad key"), "tell my operator", [("unavailable", "bad key")]),
        (WorkerRefused(400, "content_filter", "no"), "other words", []),
        (WorkerRefused(429, "insufficient_quota", "no money"), "my operator can see", []),
        (WorkerRefused(403, None, "moderated"), "my operator can see", []),
    ],
)
async def test_each_refusal_has_a_friendly_line(path, refusal, words, reports):
    async with rig(path, worker=FakeWorker(otherwise=(refusal,))) as it:
        end = await (await it.submit()).result()
        assert isinstance(end, Ended)
        assert words.lower() in end.message.lower()
        assert it.watch.reports == reports
        assert len(it.worker.calls) == 1


async def test_thoughts_are_no_text_of_the_answer(path):
    worker = FakeWorker(otherwise=(ThoughtDelta("hm"), "Hello", ThoughtDelta("hm")))
    async with rig(path, worker=worker) as it:
        assert shown(await events(await it.submit())) == "Hello"


async def test_counts_that_the_server_does_not_tell_are_stored_as_unknown(path):
    class Silent(FakeWorker):
        async def stream(self, turns, variant, sampling):
            yield AnswerDelta("Hello")
            yield Done("stop", None, None, "m", None)

    async with rig(path, worker=Silent()) as it:
        end = await (await it.submit()).result()
        assert isinstance(end, Finished)
        assert (end.answer.prompt_tokens, end.answer.completion_tokens) == (None, None)


async def test_too_long_a_conversation_is_shortened_and_stored_as_it_was_asked(path):
    async with rig(path) as it:
        for text in ("one", "two", "three"):
            await (await it.submit(text, persona="P")).result()
        it.worker.plays.extend([(TOO_LONG,), (TOO_LONG,)])
        ticket = await it.submit("four", persona="P")
        assert shown(await events(ticket)) == "Hello there"
        assert [len(call.turns) for call in it.worker.calls[-3:]] == [8, 4, 2]
        stored = await it.store.request(ticket.request.id)
        assert stored.turns == ticket.request.turns == (Turn("system", "P"), Turn("user", "four"))
        assert stored.attempts == 1


async def test_a_prompt_too_long_alone_is_refused_kindly(path):
    async with rig(path, worker=FakeWorker(otherwise=(TOO_LONG,))) as it:
        end = await ended(await it.submit())
        assert end.message == "That message is too long for the model. Please shorten it."


async def test_a_request_that_waited_too_long_expires(path):
    gate = asyncio.Event()
    worker = FakeWorker(otherwise=(gate, "x"))
    async with rig(path, worker=worker, worker_concurrency=1, request_ttl_s=60) as it:
        first, second = await it.submit(), await it.submit()
        await until(first, Started)
        it.time.advance(61)
        gate.set()
        assert isinstance(await first.result(), Finished)
        assert (await ended(second)).state is RequestState.EXPIRED
        assert (await it.store.request(second.request.id)).state is RequestState.EXPIRED


async def test_control_characters_and_lone_surrogates_of_a_model_do_not_get_out(path):
    worker = FakeWorker(otherwise=("\x1b[2J", "\x00", "caf\ud800é"))
    async with rig(path, worker=worker) as it:
        ticket = await it.submit()
        history = await events(ticket)
        assert [event.text for event in history if isinstance(event, Delta)] == [
            "[2J",
            "caf\ufffdé",
        ]
        assert (await finished(ticket)).answer.text == "[2Jcaf\ufffdé"


async def test_an_empty_answer_is_an_answer(path):
    async with rig(path, worker=FakeWorker(otherwise=())) as it:
        end = await finished(await it.submit())
        assert (end.answer.text, end.answer.first_token_ms) == ("", None)
