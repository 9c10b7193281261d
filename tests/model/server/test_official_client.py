"""The official client, as people install it, against the worker over HTTP."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import openai
import pytest

from model.errors import ContextLengthExceeded, EngineQueueFull, NotReady, RequestError
from model.scripted.engine import Outside
from model.server.app import MAX_BODY_BYTES

LIMIT_S = 10
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
async def client_of():
    clients = []

    def connect(worker, key: str = "any") -> openai.AsyncOpenAI:
        client = openai.AsyncOpenAI(base_url=f"{worker.url}/v1", api_key=key, max_retries=0)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        await client.close()


async def ask(client: openai.AsyncOpenAI, **fields):
    return await client.chat.completions.create(**({"model": "base", "messages": HI} | fields))


@pytest.mark.parametrize(
    ("fields", "kind", "code"),
    [
        ({"temperature": 9}, openai.BadRequestError, "invalid_parameter"),
        ({"messages": []}, openai.BadRequestError, "invalid_parameter"),
        ({"extra_body": {"unknown": 1}}, openai.BadRequestError, "invalid_parameter"),
        ({"model": "other"}, openai.NotFoundError, "model_not_found"),
        ({"max_tokens": 5000}, openai.BadRequestError, "context_length_exceeded"),
    ],
)
async def test_a_refusal_has_its_class(start_worker, client_of, fields, kind, code):
    client = client_of(await start_worker())
    for stream in (False, True):
        with pytest.raises(kind) as error:
            await ask(client, stream=stream, **fields)
        assert (type(error.value), error.value.code) == (kind, code)


async def test_a_state_of_the_worker_has_its_class(start_worker, client_of, gate):
    with pytest.raises(openai.AuthenticationError):
        await ask(client_of(await start_worker(settings={"worker_api_key": "k"}), "wrong"))
    loading = await start_worker(ready=False, outside=Outside(sleep=gate.sleep), load_seconds=1)
    with pytest.raises(openai.InternalServerError) as error:
        await ask(client_of(loading))
    assert error.value.status_code == NotReady.status
    keyless = client_of(await start_worker())
    with pytest.raises(openai.PermissionDeniedError):
        await keyless.post("/adapters", body={"name": "a", "path": "b"}, cast_to=object)
    with pytest.raises(openai.PermissionDeniedError):
        await keyless.get("/models", options={"headers": {"Host": "evil"}}, cast_to=object)


async def status_of(answer: Awaitable[object]) -> tuple[type[Exception], int, str | None]:
    """The class, the status and the code that the client raises."""
    with pytest.raises(openai.APIStatusError) as error:
        await answer
    return type(error.value), error.value.status_code, error.value.code


async def test_a_body_that_is_not_taken_has_its_class(start_worker, client_of, monkeypatch):
    client = client_of(await start_worker())
    large = [{"role": "user", "content": "x" * MAX_BODY_BYTES}]
    told = await status_of(ask(client, messages=large))
    assert told == (openai.APIStatusError, 413, "body_too_large")
    told = await status_of(ask(client, extra_headers={"Content-Type": "text/plain"}))
    assert told[:2] == (openai.APIStatusError, 415)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"model": "base", '
        for _ in range(30):  # which takes longer than the limit for bodies
            yield b" "
            await asyncio.sleep(0.01)

    monkeypatch.setattr("model.server.routes.BODY_LIMIT_S", 0.05)
    options = {"headers": {"Content-Type": "application/json"}}
    late = client.post("/chat/completions", content=slowly(), cast_to=object, options=options)
    async with asyncio.timeout(LIMIT_S):
        assert (await status_of(late))[:2] == (openai.APIStatusError, 408)


@pytest.mark.parametrize("broken", ["error_after_tokens", "raise_after_tokens"])
async def test_a_broken_engine_has_its_class(start_worker, client_of, broken):
    for stream in (False, True):
        client = client_of(await start_worker(**{broken: 1}))
        async with asyncio.timeout(LIMIT_S):
            if not stream:
                told = await status_of(ask(client))
                assert told == (openai.InternalServerError, 500, "engine_failed")
                continue
            with pytest.raises(openai.APIError) as error:
                async for _ in await ask(client, stream=True):
                    pass
            assert error.value.code == "engine_failed", "the status was sent before"


BY_STATUS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}
OTHERS = {408, 413, 415}  # the client has one class for all other refusals


def test_every_error_has_a_status_that_the_client_knows():
    def kinds(root: type[RequestError]) -> list[type[RequestError]]:
        return [root, *(one for child in root.__subclasses__() for one in kinds(child))]

    for kind in kinds(RequestError):
        assert kind.status in BY_STATUS or kind.status in OTHERS, kind
    assert EngineQueueFull.status == 429
    assert NotReady.status == 503


def test_too_long_a_prompt_says_the_words_that_clients_look_for():
    said = str(ContextLengthExceeded(4096, 5000))
    # These are the words of OpenAI and vLLM, which litellm and others match in a text.
    for words in ("This model's maximum context length is 4096 tokens", "reduce the length"):
        assert words in said
    assert "maximum context length" in str(ContextLengthExceeded(4096, 9**9, "characters"))


async def test_models_are_listed_and_named(start_worker, client_of):
    client = client_of(await start_worker())
    assert [card.id async for card in client.models.list()] == ["base", "tuned"]
    assert (await client.models.retrieve("tuned")).id == "tuned"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("other")


async def test_answers_whole_and_streamed(start_worker, client_of):
    client = client_of(await start_worker())
    answer = await ask(client)
    assert answer.choices[0].message.content == "base: hi"
    stream = await ask(client, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "base: hi"
    assert chunks[-1].usage.completion_tokens == 8


@pytest.mark.parametrize("n", [2, 8])
async def test_several_answers_are_rows_of_one_request(start_worker, client_of, n):
    client = client_of(await start_worker(reply="{seed}"))
    answer = await ask(client, n=n, seed=5)
    wanted = [str(5 + index) for index in range(n)]
    assert [choice.message.content for choice in answer.choices] == wanted
    assert [choice.index for choice in answer.choices] == list(range(n))
    assert answer.usage.prompt_tokens == 4
    assert answer.usage.completion_tokens == sum(map(len, wanted))
    texts, ends = [""] * n, [""] * n
    stream = await ask(client, n=n, seed=5, stream=True, stream_options={"include_usage": True})
    chunk = None
    async for chunk in stream:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            ends[choice.index] = choice.finish_reason or ends[choice.index]
    assert (texts, ends) == (wanted, ["stop"] * n)
    assert chunk is not None
    assert chunk.usage == answer.usage


@pytest.mark.parametrize("n", [1, 3])
async def test_logprobs_are_told_whole_and_in_the_chunks_of_their_text(start_worker, client_of, n):
    client = client_of(await start_worker(reply="日 {seed}🎉", step_seconds=0.0001))
    asked = {"n": n, "seed": 5, "logprobs": True, "top_logprobs": 3}
    answer = await ask(client, **asked)
    for choice in answer.choices:
        content = choice.logprobs.content
        joined = b"".join(bytes(one.bytes) for one in content)
        assert joined.decode() == choice.message.content
        assert len(content) == len(choice.message.content.encode())
        assert choice.logprobs.refusal is None
        for one in content:
            assert one.logprob == pytest.approx(math.log(0.5))
            tops = [top.logprob for top in one.top_logprobs]
            assert tops == pytest.approx([place * math.log(0.5) for place in (1, 2, 3)])
            assert one.top_logprobs[0].bytes == one.bytes
        assert content[0].token == "\\xe6"
    told: list[list[Any]] = [[] for _ in range(n)]
    async for chunk in await ask(client, stream=True, **asked):
        for choice in chunk.choices:
            if choice.logprobs is not None:
                joined = b"".join(bytes(one.bytes) for one in choice.logprobs.content)
                assert joined.decode() == choice.delta.content
                told[choice.index] += choice.logprobs.content
            else:
                assert not choice.delta.content
    assert told == [choice.logprobs.content for choice in answer.choices]


async def test_logprobs_end_where_a_stop_cuts_the_text(start_worker, client_of):
    client = client_of(await start_worker(reply="ab END cd"))
    asked = {"logprobs": True, "stop": [" END"]}
    choice = (await ask(client, **asked)).choices[0]
    assert choice.message.content == "ab"
    assert [one.token for one in choice.logprobs.content] == ["a", "b"]
    assert choice.logprobs.content[0].top_logprobs == []
    chunks = [chunk async for chunk in await ask(client, stream=True, **asked)]
    told = [c.choices[0].logprobs for c in chunks if c.choices[0].logprobs is not None]
    assert [one.token for part in told for one in part.content] == ["a", "b"]


async def test_who_asks_for_no_logprobs_gets_none(start_worker, client_of):
    client = client_of(await start_worker())
    for fields in ({}, {"logprobs": False}, {"logprobs": False, "top_logprobs": 0}):
        assert (await ask(client, **fields)).choices[0].logprobs is None


async def test_completions_whole_and_streamed(start_worker, client_of):
    client = client_of(await start_worker())
    asked = {"model": "tuned", "prompt": ["hi", "ho"], "seed": 1, "stop": ["zz"], "best_of": 1}
    answer = await client.completions.create(**asked)
    assert [choice.text for choice in answer.choices] == ["tuned: hi", "tuned: ho"]
    assert answer.usage.prompt_tokens == 4
    texts, ends = ["", ""], ["", ""]
    async for chunk in await client.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            ends[choice.index] = choice.finish_reason or ends[choice.index]
    assert (texts, ends) == (["tuned: hi", "tuned: ho"], ["stop", "stop"])


async def test_completions_have_logprobs_of_the_older_shape(start_worker, client_of):
    client = client_of(await start_worker(reply="é {seed}END", step_seconds=0.0001))
    asked = {"model": "base", "prompt": "hi", "n": 2, "seed": 3, "logprobs": 2, "stop": "END"}
    answer = await client.completions.create(**asked)
    for choice in answer.choices:
        told = choice.logprobs
        assert told.tokens == ["bytes:\\xc3", "bytes:\\xa9", " ", str(3 + choice.index)]
        assert told.text_offset == [0, 0, 1, 2]
        assert told.token_logprobs == pytest.approx([math.log(0.5)] * 4)
        assert [len(top) for top in told.top_logprobs] == [2] * 4
        assert all(top[token] == told.token_logprobs[0] for token, top in _tops(told))
    streamed: list[list[str]] = [[], []]
    async for chunk in await client.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            if choice.logprobs is not None:
                streamed[choice.index] += choice.logprobs.tokens
            else:
                assert not choice.text
    assert streamed == [choice.logprobs.tokens for choice in answer.choices]
    none = await client.completions.create(**asked | {"logprobs": 0})
    assert [len(top) for top in none.choices[0].logprobs.top_logprobs] == [1] * 4


def _tops(told) -> list[tuple[str, dict[str, float]]]:
    return list(zip(told.tokens, told.top_logprobs, strict=True))


@pytest.mark.parametrize(
    ("fields", "kind", "code"),
    [
        ({"prompt": []}, openai.BadRequestError, "invalid_parameter"),
        ({"best_of": 3}, openai.BadRequestError, "invalid_parameter"),
        ({"model": "other"}, openai.NotFoundError, "model_not_found"),
        ({"max_tokens": 5000}, openai.BadRequestError, "context_length_exceeded"),
    ],
)
async def test_a_refused_completion_has_its_class(start_worker, client_of, fields, kind, code):
    client = client_of(await start_worker())
    for stream in (False, True):
        asked = {"model": "base", "prompt": "hi", "stream": stream} | fields
        with pytest.raises(kind) as error:
            await client.completions.create(**asked)
        assert (type(error.value), error.value.code) == (kind, code)


async def test_several_answers_that_do_not_all_fit_are_refused_together(
    start_worker, client_of, gate
):
    outside = Outside(sleep=gate.sleep)
    worker = await start_worker(outside=outside, step_seconds=1, max_running=1, max_waiting=1)
    gate.allow()  # one step, in which no answer ends
    with pytest.raises(openai.RateLimitError):
        await ask(client_of(worker), n=3)
    assert worker.service.answering == 0
