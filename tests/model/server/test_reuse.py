"""What a prompt shares with earlier ones is told in the usage and counted in the metrics."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from model.engine.api import TokenRequest
from model.engine.cache import BlockPool
from model.engine.engine import TokenEngine
from model.engine.scheduler import Scheduler
from model.loaded import LoadedModel
from model.protocol.chat_answer import Usage
from model.protocol.chat_request import ChatRequest
from model.sampling import SamplingParams
from model.scripted.codec import ScriptedCodec
from model.server.answer.generation import AnswerEnd, Generation, TextDelta
from model.server.metrics import WorkerMetrics
from model.server.service import EngineService
from model.text.codec import ChatTurn
from tests.fakes.counting_runner import CountingRunner, answer_alone
from tests.model.conftest import until

BLOCK, LIMIT_S = 4, 10
WORDS = "what do you think of pineapples on a pizza?"  # 43 bytes, and 2 tokens around them


class Asker:
    """Asks a service over an engine that reuses prefixes."""

    def __init__(self, service: EngineService, runner: CountingRunner) -> None:
        self.service, self.runner = service, runner

    async def ask(self, words: str = WORDS, **fields: object) -> list[AnswerEnd]:
        body = {"model": "base", "messages": [{"role": "user", "content": words}], "max_tokens": 9}
        async with asyncio.timeout(LIMIT_S):
            async with self.service.generate_all(
                ChatRequest.model_validate(body | fields)
            ) as generations:
                return [await end_of(one) for one in generations]

    def counted(self) -> tuple[float, float]:
        """Prompt tokens, and those of them that were cached, as /metrics tells them."""
        lines = self.service.metrics.render(0).decode().splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        prompt = values["fungpt_worker_prompt_tokens_total"]
        return float(prompt), float(values["fungpt_worker_cached_prompt_tokens_total"])


async def end_of(generation: Generation) -> AnswerEnd:
    while isinstance(news := await generation.read(), TextDelta):
        pass
    return news


def cached(usage: Usage) -> int | None:
    details = usage.prompt_tokens_details
    return None if details is None else details.cached_tokens


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    pool = BlockPool(100, BLOCK)
    runner = CountingRunner(128, pool.capacity)
    scheduler = Scheduler(pool, max_running=8, max_waiting=8, prefill_chunk=1000)
    engine = TokenEngine(runner, scheduler, pool, adapters=[], max_context=200, eos_ids=())
    model = LoadedModel(
        engine, ScriptedCodec(), "counting", {}, lambda *_: pytest.fail("no adapter"), "lists"
    )
    service = EngineService(lambda _: model, WorkerMetrics())
    service.start()
    await until(lambda: service.health().status == "ok")
    yield Asker(service, runner)
    assert await service.close()


async def test_the_first_answer_says_nothing_of_a_cache_and_the_next_one_does(asker):
    (first,) = await asker.ask()
    assert cached(first.usage) is None
    assert "prompt_tokens_details" not in first.usage.model_dump()
    (second,) = await asker.ask()
    assert second.usage.model_dump() == {
        "prompt_tokens": 45,
        "completion_tokens": 9,
        "total_tokens": 54,
        "prompt_tokens_details": {"cached_tokens": 44},
    }
    assert asker.counted() == (90, 44)


async def test_several_answers_count_their_prompt_once(asker):
    ends = await asker.ask(n=8)
    assert [cached(end.usage) for end in ends] == [None] + [44] * 7
    usage = Usage.of_answers([end.usage for end in ends], len(ends))
    assert (usage.prompt_tokens, cached(usage)) == (45, None)
    assert asker.counted() == (8 * 45, 7 * 44)
    again = await asker.ask(n=3)
    assert cached(Usage.of_answers([end.usage for end in again], len(again))) == 44


async def test_an_answer_that_a_stop_text_ended_serves_the_next_turn(asker):
    ids = ScriptedCodec().encode_chat([ChatTurn("user", WORDS)])
    said = answer_alone(
        TokenRequest("a", tuple(ids), "base", SamplingParams(max_tokens=7)), 128, set()
    )
    (end,) = await asker.ask(stop=bytes(said[5:]).decode())
    assert (end.reason, end.usage.completion_tokens) == ("stop", 7)
    (after,) = await asker.ask()
    assert cached(after.usage) == 44


async def test_an_answer_whose_reader_leaves_serves_nobody(asker):
    body = {"model": "base", "messages": [{"role": "user", "content": WORDS}], "max_tokens": 100}
    async with (
        asyncio.timeout(LIMIT_S),
        asker.service.generate(ChatRequest.model_validate(body)) as generation,
    ):
        await generation.read()
    (after,) = await asker.ask()
    assert cached(after.usage) is None
