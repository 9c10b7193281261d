"""Whoever leaves in the middle frees the row, in each client's own way; who waits gets its turn."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import litellm
import openai
import pytest

from tests.clients.answers import Place, Turns
from tests.clients.by_javascript import aborted_after
from tests.clients.by_langchain import LangChainClient
from tests.clients.by_openai import OpenAIClient
from tests.clients.workers import look, until

HI: Turns = [{"role": "user", "content": "hi"}]


async def openai_asks(where: Place) -> object:
    async with openai.AsyncOpenAI(base_url=where.base, api_key=where.key, max_retries=0) as client:
        return await client.chat.completions.create(model="base", messages=HI)


async def openai_streams(where: Place) -> object:
    async with openai.AsyncOpenAI(base_url=where.base, api_key=where.key, max_retries=0) as client:
        stream = await client.chat.completions.create(model="base", messages=HI, stream=True)
        return [chunk async for chunk in stream]


async def litellm_asks(where: Place) -> object:
    return await litellm.acompletion(
        model="openai/base", api_base=where.base, api_key=where.key, messages=HI, max_retries=0
    )


async def langchain_streams(where: Place) -> object:
    return [chunk async for chunk in LangChainClient.connect(where, "base").astream("hi")]


@pytest.mark.parametrize(
    "call", [openai_asks, openai_streams, litellm_asks, langchain_streams], ids=lambda f: f.__name__
)
def test_a_cancelled_task_frees_the_row(full: Place, call: Callable[[Place], Awaitable[Any]]):
    async def cancelled() -> None:
        task = asyncio.ensure_future(call(full))
        await asyncio.to_thread(until, lambda: look(full.url)["running"] == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(until, lambda: look(full.url)["running"] == 0)

    until(lambda: look(full.url)["running"] == 0)
    asyncio.run(cancelled())


def test_javascript_s_own_abort_frees_the_row_while_its_process_lives(full: Place):
    until(lambda: look(full.url)["running"] == 0)
    with closing(aborted_after(full, HI, pieces=3)) as said:
        *chunks, end = [next(said) for _ in range(4)]
        assert all("chunk" in one for one in chunks)
        assert end == {"end": True}
        until(lambda: look(full.url)["running"] == 0)


def test_a_client_that_may_try_again_gets_its_answer_when_the_row_is_free(full: Place):
    until(lambda: look(full.url)["running"] == 0)
    answers: list[str | None] = []

    def patient() -> None:
        with OpenAIClient.connect(full).with_options(max_retries=8) as client:
            answer = client.chat.completions.create(model="base", messages=HI, max_tokens=4)
            answers.append(answer.choices[0].message.content)

    waiting = threading.Thread(target=patient)
    with closing(OpenAIClient().stream(full, HI)) as stream:
        assert any("".join(piece.texts) for piece in stream)
        refused = refusals(full)
        waiting.start()
        until(lambda: refusals(full) > refused)
    waiting.join(30)
    assert answers == ["word"]


def refusals(where: Place) -> float:
    """How many requests this worker has refused because its queue is full."""
    with OpenAIClient.connect(Place(where.url, where.key)) as client:
        text = client.with_options(base_url=where.url).get("/metrics", cast_to=str)
    lines = [line for line in text.splitlines() if "queue_full" in line and line[0] != "#"]
    return sum(float(line.split()[-1]) for line in lines if "_created" not in line)
