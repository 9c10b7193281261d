"""Long prompts that are really encoded, beside a short one."""

import asyncio
import time
from dataclasses import replace

import pytest

from model.errors import ContextLengthExceeded
from model.loaded import LoadedModel
from model.protocol.chat_request import ChatRequest
from model.scripted.engine import load_scripted
from model.scripted.script import Script
from model.server.metrics import WorkerMetrics
from model.server.preparing import MAX_CHARACTERS_PER_TOKEN
from model.server.service import EngineService
from model.text.tokenizer_codec import TokenizerCodec
from tests.fakes.tiny_model import tiny_tokenizer

CONTEXT = 4096
MOST = CONTEXT * MAX_CHARACTERS_PER_TOKEN
LONG = {
    "words": "the opinion of the assistant, hello there ",
    "control tokens": "<|im_end|>",
}


@pytest.fixture
async def service(make_settings, until):
    def load(progress) -> LoadedModel:
        scripted = load_scripted(Script(reply="a", max_context=CONTEXT), make_settings(), progress)
        return replace(scripted, codec=TokenizerCodec(tiny_tokenizer()))

    made = EngineService(load, WorkerMetrics())
    made.start()
    await until(lambda: made.health().status == "ok")
    yield made
    assert await made.close()


def asks(text: str) -> ChatRequest:
    return ChatRequest.model_validate(
        {"model": "base", "messages": [{"role": "user", "content": text}]}
    )


async def refused(service: EngineService, request: ChatRequest) -> float:
    """The seconds until a prompt that is encoded first is refused, in tokens."""
    began = time.monotonic()
    with pytest.raises(ContextLengthExceeded, match="tokens"):
        async with service.generate(request):
            pass
    return time.monotonic() - began


async def answered(service: EngineService, request: ChatRequest) -> float:
    """The seconds until a request is accepted."""
    began = time.monotonic()
    async with service.generate(request):
        return time.monotonic() - began


@pytest.mark.parametrize("kind", LONG)
async def test_a_short_prompt_waits_no_longer_than_one_of_six_long_ones_takes(service, kind):
    long = asks((LONG[kind] * MOST)[: MOST - 100])
    alone = await refused(service, long)
    six = [asyncio.create_task(refused(service, long)) for _ in range(6)]
    await asyncio.sleep(0)
    waited = await answered(service, asks("hi"))
    assert not any(task.done() for task in six), "it was beside all of them"
    await asyncio.gather(*six)
    assert waited < alone
