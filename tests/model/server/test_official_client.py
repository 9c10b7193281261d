"""The official client, as people install it, against the worker over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

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


async def test_several_answers_that_do_not_all_fit_are_refused_together(
    start_worker, client_of, gate
):
    outside = Outside(sleep=gate.sleep)
    worker = await start_worker(outside=outside, step_seconds=1, max_running=1, max_waiting=1)
    gate.allow()  # one step, in which no answer ends
    with pytest.raises(openai.RateLimitError):
        await ask(client_of(worker), n=3)
    assert worker.service.answering == 0
