import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import pytest
from aiohttp import web

from model.client import AnswerDelta, Done, Origin, ThoughtDelta, WorkerClient
from model.errors import WorkerDied, WorkerLoading, WorkerRefused, WorkerUnavailable
from model.sampling import SamplingParams
from model.scripted.engine import Outside

LIMIT_S = 10


@dataclass(frozen=True)
class Turn:
    role: str
    content: str


HI = (Turn("user", "hi"),)
PLAIN = SamplingParams(max_tokens=256, temperature=0.8, top_p=0.95)


async def collect(client: WorkerClient, sampling=PLAIN, variant="tuned", turns=HI):
    text, ends, origins = "", [], []
    async with asyncio.timeout(LIMIT_S):
        async for news in client.stream(turns, variant, sampling):
            if isinstance(news, AnswerDelta):
                assert news.text
                origins.append(news.origin)
                text += news.text
            else:
                ends.append(news)
    assert len(ends) == 1
    told = Origin(ends[0].model_id, ends[0].adapter_hash)
    # From the first piece on, or not at all where the server does not tell.
    assert set(origins) in (set(), {None}, {told})
    return text, ends[0]


@pytest.fixture
async def connect():
    clients = []

    def connect(url: str, key: str | None = None, **options: float) -> WorkerClient:
        clients.append(WorkerClient(url, key, **options))
        return clients[-1]

    yield connect
    for client in clients:
        await client.close()


@pytest.fixture
async def serve():
    """A server that is not ours: routes as a dict of paths and handlers."""
    runners = []

    async def serve(**handlers) -> str:
        app = web.Application()
        for name, handler in handlers.items():
            path = {"chat": "/v1/chat/completions", "models": "/v1/models"}.get(name, f"/{name}")
            app.router.add_route("*", path, handler)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield serve
    for runner in runners:
        await runner.cleanup()


def sse(*events: str, status: int = 200):
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            await response.write(f"data: {event}\n\n".encode())
        return response

    return handler


def answer(status: int, text: str = "", content_type: str = "application/json", **headers: str):
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type=content_type, headers=headers)

    return handler


def chunk(text: str, finish: str = "null") -> str:
    choice = f'{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":{finish}}}'
    return f'{{"id":"x","object":"chat.completion.chunk","model":"m","choices":[{choice}]}}'


async def test_deltas_then_done(start_worker, connect):
    worker = await start_worker(step_seconds=0.001)
    client = connect(worker.url)
    text, done = await collect(client, PLAIN.model_copy(update={"seed": 7}))
    assert text == "tuned: hi"
    assert done == Done("stop", 4, 9, "scripted", done.adapter_hash, 7)
    card = (await client.models())[1]
    assert card.adapter_hash == done.adapter_hash is not None
    assert (await client.health()).status == "ok"


async def test_the_address_may_end_in_v1(start_worker, connect):
    worker = await start_worker()
    async with connect(f"{worker.url}/v1/") as client:
        assert (await client.health()).model_id == "scripted"
        assert (await collect(client))[0] == "tuned: hi"


async def test_every_option_arrives(serve, connect):
    bodies = []

    async def chat(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        return await sse(chunk("a", '"stop"'), "[DONE]")(request)

    client = connect(await serve(chat=chat))
    await collect(client, PLAIN)
    everything = {
        "max_tokens": 1,
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 2,
        "min_p": 0.25,
        "repetition_penalty": 1.5,
        "frequency_penalty": 0.5,
        "presence_penalty": 1,
        "seed": 0,
        "stop": ["x"],
    }
    await collect(client, SamplingParams.model_validate(everything))
    fixed = {
        "messages": [{"role": "user", "content": "hi"}],
        "model": "tuned",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    few = {"max_tokens": 256, "temperature": 0.8, "top_p": 0.95}
    assert bodies == [fixed | few, fixed | everything]


async def test_a_plain_server_tells_less(serve, connect):
    usage = '{"id":"x","model":"m","choices":[],"usage":'
    usage += '{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
    events = (chunk("a"), chunk("b", '"length"'), usage, "[DONE]")
    models = answer(200, '{"object":"list","data":[{"id":"m","root":"r","extra":1}]}')
    url = await serve(chat=sse(*events), models=models, health=answer(200, "", "text/plain"))
    client = connect(url)
    assert await collect(client) == ("ab", Done("length", 3, 2, "m", None))
    assert (await client.models())[0].adapter_hash is None
    assert (await client.health()).status == "ok"


async def test_no_worker(connect):
    client = connect("http://127.0.0.1:9")
    for call in (client.health(), client.models(), collect(client)):
        with pytest.raises(WorkerUnavailable, match="no worker answers"):
            await call


async def test_a_loading_worker(start_worker, connect, gate, until):
    outside = Outside(sleep=gate.sleep)
    worker = await start_worker(ready=False, outside=outside, load_seconds=1)
    gate.allow(2)
    await until(lambda: worker.service.health().progress == 0.2)
    client = connect(worker.url)
    health = await client.health()
    assert (health.status, health.progress) == ("loading", 0.2)
    with pytest.raises(WorkerLoading) as loading:
        await collect(client)
    assert (loading.value.stage, loading.value.progress) == ("loading the script", 0.2)
    assert loading.value.retry_after == 2


async def test_refusals_keep_what_the_worker_said(start_worker, connect):
    client = connect((await start_worker()).url)
    with pytest.raises(WorkerRefused, match="base, tuned") as refused:
        await collect(client, variant="other")
    assert (refused.value.status, refused.value.code) == (404, "model_not_found")
    with pytest.raises(WorkerRefused) as refused:
        await collect(client, PLAIN.model_copy(update={"temperature": 9.0}))
    assert refused.value.param == "temperature"


async def test_a_full_queue(serve, connect):
    body = '{"error": {"message": "full", "code": "queue_full"}}'
    handler = answer(429, body, **{"Retry-After": "3"})
    with pytest.raises(WorkerRefused, match="full") as refused:
        await collect(connect(await serve(chat=handler)))
    assert (refused.value.status, refused.value.retry_after) == (429, 3)


async def test_the_key_is_sent_and_never_shown(start_worker, connect):
    worker = await start_worker(settings={"worker_api_key": "secret"})
    client = connect(worker.url, "secret")
    assert (await collect(client))[0] == "tuned: hi"
    assert "secret" not in repr(client)
    assert "None" in repr(connect(worker.url))
    with pytest.raises(WorkerRefused) as refused:
        await connect(worker.url).models()
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("handler", "kind", "line"),
    [
        (answer(502, "<html>", "text/html"), WorkerUnavailable, "502"),
        (answer(503, "{}"), WorkerUnavailable, "503"),
        (answer(500, "oops", "text/plain"), WorkerDied, "500"),
        (answer(400, '{"error": "just text"}'), WorkerRefused, "400"),
        (answer(429, "", **{"Retry-After": "soon"}), WorkerRefused, "429"),
    ],
)
async def test_strange_answers(serve, connect, handler, kind, line):
    with pytest.raises(kind, match=line):
        await collect(connect(await serve(chat=handler)))


@pytest.mark.parametrize(
    "events",
    [
        (),
        (chunk("a"),),
        (chunk("a"), "[DONE]"),
        (chunk("a"), "{broken"),
        (chunk("a"), '{"error": {"message": "engine gone", "code": "engine_failed"}}'),
        (chunk("a"), '{"id":"x","choices":[],"fungpt":{"seed":"?"}}'),
    ],
)
async def test_an_answer_that_breaks_off(serve, connect, events):
    with pytest.raises(WorkerDied):
        await collect(connect(await serve(chat=sse(*events))))


async def test_other_forms_of_health_and_models(serve, connect):
    assert (await connect(await serve(health=answer(200))).health()).status == "ok"
    client = connect(await serve(health=answer(503, "down", "text/plain"), models=answer(200)))
    with pytest.raises(WorkerUnavailable, match="503"):
        await client.health()
    with pytest.raises(WorkerUnavailable, match="OpenAI-compatible"):
        await client.models()


async def test_silence_has_a_limit(serve, connect):
    async def chat(request: web.Request) -> web.StreamResponse:
        response = await sse(chunk("a"))(request)
        await asyncio.sleep(0.3)
        return response

    with pytest.raises(WorkerDied, match="no answer in time"):
        await collect(connect(await serve(chat=chat), read_timeout_s=0.05))


async def test_closing_frees_the_engine(start_worker, connect, gate, until):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    gate.allow()
    async with aclosing(connect(worker.url).stream(HI, "base", PLAIN)) as answers:
        assert await anext(answers) == AnswerDelta("b")
    await until(lambda: worker.service.answering == 0)


async def test_cancelling_frees_the_engine(start_worker, connect, gate, until):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    asking = asyncio.create_task(collect(connect(worker.url)))
    await until(lambda: worker.service.answering == 1)
    gate.allow(3)
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: worker.service.answering == 0)


async def test_a_proxy_of_the_environment_does_not_hide_the_worker(
    start_worker, connect, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    worker = await start_worker()
    assert (await collect(connect(worker.url)))[0] == "tuned: hi"
    with pytest.raises(WorkerUnavailable):
        await connect("http://worker.invalid").health()


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thoughts_in_a_field_of_their_own_are_no_text(serve, connect, field):
    thought = chunk("").replace('"content":""', f'"content":null,"{field}":"hm"')
    client = connect(await serve(chat=sse(thought, chunk("Yes", '"stop"'), "[DONE]")))
    pieces = [piece async for piece in client.stream(HI, "tuned", PLAIN)]
    assert [type(piece) for piece in pieces] == [ThoughtDelta, AnswerDelta, Done]
    assert pieces[0] == ThoughtDelta("hm")


async def test_an_answer_goes_on_with_the_assistants_last_turn(start_worker, serve, connect):
    bodies = []

    async def chat(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        return await sse(chunk("a", '"stop"'), "[DONE]")(request)

    client = connect(await serve(chat=chat))
    await collect(client)
    await collect(client, turns=(*HI, Turn("assistant", "tuned:")))
    flags = ("continue_final_message", "add_generation_prompt")
    assert [body.get(flag) for body in bodies for flag in flags] == [None, None, True, False]
    ours = connect((await start_worker()).url)
    assert (await collect(ours, turns=(*HI, Turn("assistant", "tuned:"))))[0] == " hi"


async def test_what_breaks_after_the_whole_text_loses_nothing(serve, connect):
    async def chat(request: web.Request) -> web.StreamResponse:
        response = await sse(chunk("All of it", '"stop"'))(request)
        assert request.transport is not None
        request.transport.abort()
        return response

    text, done = await collect(connect(await serve(chat=chat)))
    assert (text, done.finish_reason) == ("All of it", "stop")
