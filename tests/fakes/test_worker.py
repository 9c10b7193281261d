import asyncio
import inspect

import pytest

from bot.errors import WorkerGone
from bot.worker.interface import AnswerSource, WorkerWatch
from model.client import AnswerDelta, Done, WorkerClient
from model.errors import WorkerDied
from model.sampling import SamplingParams
from tests.fakes.worker import BreakOff, FakeWatch, FakeWorker, Hang


async def collect(worker):
    return [
        piece async for piece in worker.stream((), "tuned", SamplingParams(max_tokens=256, seed=3))
    ]


@pytest.mark.parametrize("name", ["models", "stream"])
@pytest.mark.parametrize("other", [FakeWorker, AnswerSource])
def test_has_the_real_clients_signatures(name, other):
    real = inspect.signature(getattr(WorkerClient, name))
    assert inspect.signature(getattr(other, name)) == real


@pytest.mark.parametrize("name", ["wait_ready", "report_unavailable", "report_stall"])
def test_watch_has_the_protocols_signatures(name):
    assert inspect.signature(getattr(FakeWatch, name)) == inspect.signature(
        getattr(WorkerWatch, name)
    )


async def test_plays_in_order_then_the_default():
    worker = FakeWorker(otherwise=("c",))
    worker.plays.append(("a", "b"))
    done = Done("stop", 7, 2, "tiny", "hash-of-tuned", 3)
    assert await collect(worker) == [AnswerDelta("a"), AnswerDelta("b"), done]
    assert await collect(worker) == [
        AnswerDelta("c"),
        Done("stop", 7, 1, "tiny", "hash-of-tuned", 3),
    ]
    await worker.calls_made(2)
    assert worker.open_streams == 0


async def test_dies_breaks_off_waits_and_hangs():
    gate = asyncio.Event()
    worker = FakeWorker()
    worker.plays.extend([("a", WorkerDied("x")), ("a", BreakOff()), (gate, "b"), (Hang(),)])
    with pytest.raises(WorkerDied):
        await collect(worker)
    assert await collect(worker) == [AnswerDelta("a")]
    waiting = asyncio.create_task(collect(worker))
    await worker.calls_made(3)
    assert worker.open_streams == 1
    gate.set()
    assert AnswerDelta("b") in await waiting
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await collect(worker)


async def test_models_and_their_failure():
    worker = FakeWorker()
    assert [card.id for card in await worker.models()] == ["base", "tuned"]
    worker.models_error = WorkerDied("x")
    with pytest.raises(WorkerDied):
        await worker.models()


async def test_watch_loses_readiness_with_a_report_unless_it_heals():
    watch = FakeWatch()
    watch.report_stall("hung")
    await watch.wait_ready()
    watch.heal = False
    watch.report_unavailable("gone")
    assert not watch.ready.is_set()
    assert watch.reports == [("stall", "hung"), ("unavailable", "gone")]
    watch.gone = "never"
    with pytest.raises(WorkerGone, match="never"):
        await watch.wait_ready()
