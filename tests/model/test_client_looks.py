"""How a server is looked at: its health, its models, its key, its address."""

import ssl
from pathlib import Path

import pytest
from aiohttp import web

from model.client import WorkerClient
from model.errors import WorkerRefused, WorkerUnavailable, WorkerUnusable
from tests.fakes.plain_server import answer, chunk, collect, sse

# A certificate for localhost with its key, made for this test: nobody trusts it.
UNTRUSTED = Path(__file__).resolve().parents[1] / "fakes" / "untrusted.pem"
ONE = '{"object":"list","data":[{"id":"m"}]}'
LLAMA = '{"object":"list","data":[{"id":"m","owned_by":"llamacpp"}]}'


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_without_health_the_list_of_models_is_the_sign_of_life(serve, connect, status):
    client = connect(await serve(health=answer(status), models=answer(200, ONE)))
    assert (await client.health()).status == "ok"
    with pytest.raises(WorkerUnavailable):
        await connect(await serve(health=answer(status), models=answer(502))).health()


@pytest.mark.parametrize(
    "body",
    [
        '{"error":{"message":"Loading model","type":"unavailable_error","code":503}}',
        "the server is starting",
        '{"detail": "Initializing engine"}',
        '{"status": "loading model"}',
    ],
)
async def test_a_server_that_says_in_its_words_that_it_loads(serve, connect, body):
    client = connect(await serve(health=answer(503, body)))
    health = await client.health()
    assert health.status == "loading"
    assert "(status 503)" in health.stage


@pytest.mark.parametrize("page", ["", "<html>hello", '{"status": "healthy"}', "[]", "OK"])
async def test_a_health_of_another_form_is_health(serve, connect, page):
    for kind in ("application/json", "text/html"):
        assert (await connect(await serve(health=answer(200, page, kind))).health()).status == "ok"


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ('{"data":[{"id":"m","object":"other","created":"now"},{"id":"n"}]}', ["m", "n"]),
        ('[{"id":"m","type":"chat"}]', ["m"]),
        ('{"object":"list","data":null}', []),
        ('{"object":"list","data":[]}', []),
        ('{"data":[{"id":"lora","parent":"m"},{"id":"m","parent":null}]}', ["m", "lora"]),
    ],
)
async def test_lists_of_models_as_servers_send_them(serve, connect, listed, names):
    cards = await connect(await serve(models=answer(200, listed))).models()
    assert [card.id for card in cards] == names


@pytest.mark.parametrize("listed", ["{}", '"m"', '{"data":[{"name":"m"}]}', "<html>", ""])
async def test_what_is_no_list_of_models_is_no_server_for_us(serve, connect, listed):
    with pytest.raises(WorkerUnavailable, match="no OpenAI-compatible server"):
        await connect(await serve(models=answer(200, listed))).models()


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (answer(401, '{"error":"Unauthorized"}'), "WORKER_API_KEY: Unauthorized"),
        (answer(403, "Forbidden", "text/plain"), "WORKER_API_KEY: Forbidden"),
        (answer(404), "/v1: is that the WORKER_URL"),
        (answer(400, "bad host", "text/plain"), "is that the WORKER_URL"),
        (answer(308, Location="https://h/v1/models"), "https://h/v1/models: is that the WORKER_"),
        (answer(301), "elsewhere"),
    ],
)
async def test_a_setting_that_is_to_blame_is_named(serve, connect, handler, words):
    client = connect(await serve(models=handler))
    with pytest.raises(WorkerUnusable, match=words):
        await client.models()


@pytest.mark.parametrize("status", [408, 429])
async def test_a_busy_server_blames_no_setting(serve, connect, status):
    client = connect(await serve(models=answer(status)))
    with pytest.raises(WorkerRefused) as refused:
        await client.models()
    assert not isinstance(refused.value, WorkerUnusable)


async def test_the_operators_names_stand_for_the_servers(serve, connect):
    asked: list[str] = []

    async def chat(request: web.Request) -> web.StreamResponse:
        asked.append((await request.json())["model"])
        return await sse(chunk("a", '"stop"'))(request)

    listed = '{"data":[{"id":"org/Model-7B"},{"id":"fun=lora","parent":"org/Model-7B"}]}'
    url = await serve(models=answer(200, listed), chat=chat)
    client = connect(url, names={"tuned": "fun=lora", "base": "org/Model-7B", "new": "unlisted"})
    cards = await client.models()
    assert [(card.id, card.root) for card in cards] == [
        ("tuned", "fun=lora"), ("base", "org/Model-7B"), ("new", "unlisted"),
    ]  # fmt: skip
    for variant in ("base", "tuned", "new"):
        await collect(client, variant=variant)
    assert asked == ["org/Model-7B", "fun=lora", "unlisted"]


async def test_with_names_a_server_need_not_list_its_models(serve, connect):
    client = connect(await serve(models=answer(404)), names={"base": "m"})
    assert [card.id for card in await client.models()] == ["base"]


@pytest.mark.parametrize("adapters", ["[]", "null", "{}", "no JSON"])
async def test_llama_cpp_without_adapters_has_its_model_alone(serve, connect, adapters):
    url = await serve(models=answer(200, LLAMA), adapters=answer(200, adapters))
    assert [card.id for card in await connect(url).models()] == ["m"]


async def test_llama_cpps_adapters_are_switched_with_each_request(serve, connect):
    bodies = []

    async def chat(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        return await sse(chunk("a", '"stop"'))(request)

    adapters = '[{"id":0,"path":"x/fun.gguf","scale":0.5},{"id":1,"path":"dry.gguf","scale":0}]'
    url = await serve(models=answer(200, LLAMA), adapters=answer(200, adapters), chat=chat)
    client = connect(url)
    assert [card.id for card in await client.models()] == ["m", "fun", "dry"]
    for variant in ("m", "fun", "dry"):
        await collect(client, variant=variant)
    scales = [[one["scale"] for one in body["lora"]] for body in bodies]
    assert scales == [[0, 0], [0.5, 0], [0, 1]]
    assert {body["model"] for body in bodies} == {"m"}
    assert bodies[0]["repeat_penalty"] == 1
    assert (bodies[0]["top_k"], bodies[0]["min_p"]) == (0, 0)


async def test_a_certificate_that_is_not_trusted_is_told():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(UNTRUSTED)
    runner = web.AppRunner(web.Application())
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        async with WorkerClient(f"https://127.0.0.1:{port}") as client:
            with pytest.raises(WorkerUnavailable, match="certificate is not trusted"):
                await client.models()
    finally:
        await runner.cleanup()


async def test_https_to_a_server_without_it_is_told(serve, connect):
    url = await serve(models=answer(200, ONE))
    with pytest.raises(WorkerUnavailable, match="begin with http://"):
        await connect(url.replace("http://", "https://")).models()
