import asyncio
import threading
from contextlib import asynccontextmanager

import pytest

from model.errors import (
    BadParameter,
    ContextLengthExceeded,
    EngineFailed,
    EngineQueueFull,
    ModelError,
    NotReady,
    UnknownModel,
)
from model.protocol.chat_request import ChatRequest
from model.scripted.engine import Outside
from model.server.answer.generation import Generation, TextDelta
from model.server.metrics import WorkerMetrics
from model.server.service import EngineService, WorkerFailure
from model.settings import DEFAULT_MAX_TOKENS

LIMIT_S = 10
LONG = "x" * 400


def ask(**fields: object) -> ChatRequest:
    whole = {"model": "base", "messages": [{"role": "user", "content": "hi"}]} | fields
    return ChatRequest.model_validate(whole)


async def text_of(generation: Generation) -> str:
    text = ""
    async with asyncio.timeout(LIMIT_S):
        while isinstance(news := await generation.read(), TextDelta):
            text += news.text
    return text


@asynccontextmanager
async def both(gate, service: EngineService, request: ChatRequest | None = None):
    """Another request beside one that runs: steps go on until the engine has looked at it."""

    async def pump() -> None:
        while True:
            gate.allow()
            await asyncio.sleep(0.001)

    pumping = asyncio.create_task(pump())
    try:
        async with service.generate(request or ask()) as generation:
            pumping.cancel()
            yield generation
    finally:
        pumping.cancel()


async def test_an_answer_with_its_card(start_worker):
    service = (await start_worker()).service
    async with service.generate(ask(model="tuned", seed=7)) as generation:
        assert await text_of(generation) == "tuned: hi"
        assert generation.extension.seed == 7
        assert generation.extension.model_id == "scripted"
        assert len(generation.extension.adapter_hash or "") == 64
    base, tuned = service.cards()
    assert (base.id, base.parent, base.adapter_hash) == ("base", None, None)
    assert (tuned.id, tuned.parent, tuned.root) == ("tuned", "base", "scripted")
    assert tuned.adapter_hash == generation.extension.adapter_hash


async def test_an_answer_goes_on_with_the_last_turn(start_worker):
    service = (await start_worker()).service
    begun = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "base: "}]
    flags = {"continue_final_message": True, "add_generation_prompt": False}
    async with service.generate(ask(messages=begun, **flags)) as generation:
        assert await text_of(generation) == "hi"
    async with service.generate(ask(messages=begun)) as generation:
        assert await text_of(generation) == "base: hi", "without the flags it answers anew"


@pytest.mark.parametrize(
    "flags",
    [
        {"continue_final_message": True},
        {"add_generation_prompt": False},
        {"continue_final_message": True, "add_generation_prompt": False},
    ],
)
def test_flags_that_do_not_fit_are_refused(flags):
    with pytest.raises(ValueError, match="continue"):
        ask(**flags)


async def test_a_seed_is_chosen_when_none_is_given(start_worker):
    service = (await start_worker(reply="{seed}")).service
    seeds = set()
    for _ in range(3):
        async with service.generate(ask()) as generation:
            assert await text_of(generation) == str(generation.extension.seed)
            seeds.add(generation.extension.seed)
    assert len(seeds) == 3


async def test_every_parameter_reaches_the_engine(start_worker):
    service = (await start_worker()).service
    asked = {
        "max_tokens": 9,
        "temperature": 0.25,
        "top_p": 0.5,
        "top_k": 3,
        "min_p": 0.125,
        "repetition_penalty": 1.5,
        "frequency_penalty": -0.5,
        "presence_penalty": 0.75,
        "seed": 11,
    }
    async with service.generate(ask(**asked)) as generation:
        params = generation.request.params
        assert {name: getattr(params, name) for name in asked} == asked


async def test_a_bias_reaches_the_engine_and_an_unknown_id_is_refused(start_worker):
    service = (await start_worker()).service
    async with service.generate(ask(logit_bias={"258": -100, "5": 2.5})) as generation:
        params = generation.request.params
        assert params.logit_bias == ((258, -100), (5, 2.5))
        assert not params.is_plain
    with pytest.raises(BadParameter, match="258"):
        async with service.generate(ask(logit_bias={"259": 1})):
            pass


async def test_the_default_of_max_tokens_is_a_setting(start_worker):
    service = (await start_worker(settings={"default_max_tokens": 5})).service
    async with service.generate(ask()) as generation:
        assert generation.request.params.max_tokens == 5


async def test_max_tokens_is_what_fits_up_to_a_default(start_worker):
    service = (await start_worker(max_context=100)).service
    async with service.generate(ask()) as generation:
        assert generation.request.params.max_tokens == 100 - 4
    service = (await start_worker()).service
    async with service.generate(ask()) as generation:
        assert generation.request.params.max_tokens == DEFAULT_MAX_TOKENS
    async with service.generate(ask(max_completion_tokens=5)) as generation:
        assert generation.request.params.max_tokens == 5


@pytest.mark.parametrize(("limit", "asked"), [(None, 17), (20, 36)])
async def test_what_does_not_fit_is_refused_with_two_numbers(start_worker, limit, asked):
    service = (await start_worker(max_context=16)).service
    request = ask(max_tokens=limit, messages=[{"role": "user", "content": "x" * 14}])
    with pytest.raises(ContextLengthExceeded) as refused:
        async with service.generate(request):
            pass
    assert (refused.value.limit, refused.value.asked) == (16, asked)


async def test_refusals_of_the_engine_and_unknown_variants(start_worker, gate):
    outside = Outside(sleep=gate.sleep)
    limits = {"max_running": 1, "max_waiting": 0}
    worker = await start_worker(outside=outside, step_seconds=1, reply=LONG, **limits)
    service = worker.service
    with pytest.raises(UnknownModel):
        async with service.generate(ask(model="other")):
            pass
    async with service.generate(ask()) as first:
        with pytest.raises(EngineQueueFull):
            async with both(gate, service):
                pass
        gate.open()
        assert await text_of(first) == LONG


async def test_leaving_early_frees_the_engine_within_one_step(start_worker, gate, until):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    async with worker.service.generate(ask()) as generation:
        gate.allow()
        assert await generation.read() == TextDelta("b")
        assert worker.service.health().running == 1
    gate.allow()  # the step that was waiting when the reader left
    await until(lambda: worker.service.health().running == 0)
    assert (
        'fungpt_worker_answers_total{outcome="aborted",variant="base"} 1.0'
        in await worker.metrics()
    )


async def test_a_stop_string_frees_the_engine_within_one_step(start_worker, gate, until):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1, reply="a.b.c")
    async with worker.service.generate(ask(stop=".")) as generation:
        gate.allow(2)
        assert await text_of(generation) == "a"
        gate.allow()
        await until(lambda: worker.service.health().running == 0)
    assert 'outcome="stop"' in await worker.metrics()


async def test_a_reader_that_does_not_read_stalls_nobody(start_worker):
    service = (await start_worker(reply="x" * 300)).service
    async with service.generate(ask()) as lazy:
        async with service.generate(ask()) as eager:
            assert await text_of(eager) == "x" * 300
        assert await lazy.read() == TextDelta("x" * 300)


async def test_cancelled_before_acceptance_the_row_is_not_left_behind(start_worker, gate, until):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)

    async def run() -> None:
        async with worker.service.generate(ask()):
            pytest.fail("accepted")

    async with worker.service.generate(ask()):
        second = asyncio.create_task(run())
        await until(lambda: worker.service.answering == 2)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert worker.service.answering == 1
    gate.open()
    await until(lambda: not worker.service.health().running + worker.service.health().waiting)


async def test_loading_is_reported_and_refuses(start_worker, gate, until):
    worker = await start_worker(ready=False, outside=Outside(sleep=gate.sleep), load_seconds=1)
    gate.allow(3)
    await until(lambda: worker.service.health().progress == 0.3)
    with pytest.raises(NotReady) as refused:
        async with worker.service.generate(ask()):
            pass
    assert (refused.value.stage, refused.value.progress) == ("loading the script", 0.3)
    with pytest.raises(NotReady):
        worker.service.cards()
    gate.open()
    await until(lambda: worker.service.health().status == "ok")
    assert worker.service.health().progress is None


async def test_a_failed_step_ends_every_row_and_the_service(start_worker, gate):
    outside = Outside(sleep=gate.sleep)
    worker = await start_worker(outside=outside, step_seconds=1, reply=LONG, raise_after_tokens=300)
    service = worker.service
    async with service.generate(ask()) as one, both(gate, service) as other:
        gate.open()
        for generation in (one, other):
            with pytest.raises(EngineFailed, match="the script says: raise"):
                await text_of(generation)
    async with asyncio.timeout(LIMIT_S):
        failure = await service.failure()
    assert failure == WorkerFailure("RuntimeError: the script says: raise", loading=False)
    assert service.health().status == "failed"
    assert service.health().error == failure.message
    await service.drain(0)
    assert service.health().status == "failed"
    with pytest.raises(NotReady):
        async with service.generate(ask()):
            pass


async def test_a_failed_load_is_told_in_one_line(start_worker, until):
    service = (await start_worker(ready=False, fail_load="no\n  disk")).service
    async with asyncio.timeout(LIMIT_S):
        assert await service.failure() == WorkerFailure("no disk", loading=True)
    assert service.health().error == "no disk"


async def test_an_error_of_one_row_leaves_the_others(start_worker, gate):
    outside = Outside(sleep=gate.sleep)
    worker = await start_worker(outside=outside, step_seconds=1, reply=LONG, error_after_tokens=300)
    service = worker.service
    async with service.generate(ask()) as one, both(gate, service) as other:
        gate.open()
        results = await asyncio.gather(text_of(one), text_of(other), return_exceptions=True)
    assert sorted(map(type, results), key=str) == [EngineFailed, str]
    assert service.health().status == "ok"


async def test_draining_lets_answers_finish(start_worker, gate):
    service = (await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)).service
    async with service.generate(ask()) as generation:
        draining = asyncio.create_task(service.drain(LIMIT_S))
        await asyncio.sleep(0)
        assert service.health().status == "draining"
        with pytest.raises(NotReady, match="draining"):
            async with service.generate(ask()):
                pass
        gate.open()
        assert await text_of(generation) == "base: hi"
        assert not draining.done()
    async with asyncio.timeout(LIMIT_S):
        await draining


async def test_draining_has_a_limit(start_worker, gate, until):
    service = (await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)).service
    async with service.generate(ask()) as generation:
        async with asyncio.timeout(LIMIT_S):
            await service.drain(0.01)
        with pytest.raises(NotReady, match="draining"):
            await text_of(generation)
        gate.open()
        await until(lambda: service.health().running == 0)


async def test_closing_ends_every_row(start_worker, gate):
    service = (await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)).service
    async with service.generate(ask()) as generation:
        gate.open()
        assert await service.close()
        with pytest.raises(NotReady):
            await text_of(generation)


async def test_a_stuck_engine_is_left_behind(start_worker, until):
    stuck, release = threading.Event(), threading.Event()
    outside = Outside(hang=lambda: (stuck.set(), release.wait(LIMIT_S)))
    service = (await start_worker(outside=outside, hang_after_tokens=1)).service
    async with service.generate(ask()) as generation:
        assert await generation.read() == TextDelta("b")
        await until(stuck.is_set)
        assert not await service.close(0.01)
        assert service.busy_s() > 0
        release.set()


async def test_drained_while_loading_stays_drained(start_worker, gate, until):
    outside = Outside(sleep=gate.sleep)
    service = (await start_worker(ready=False, outside=outside, load_seconds=1)).service
    await service.drain(LIMIT_S)
    gate.open()
    await until(lambda: service.health().model_id == "scripted")
    assert service.health().status == "draining"


async def test_a_closed_loop_is_not_told():
    told = threading.Event()

    def load(progress):
        told.wait(LIMIT_S)
        progress("late", None)
        raise ModelError("nobody hears this")

    def run() -> None:
        async def start() -> EngineService:
            service = EngineService(load, WorkerMetrics())
            service.start()
            return service

        asyncio.run(start())
        told.set()

    await asyncio.to_thread(run)
