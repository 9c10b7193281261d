import asyncio
import io
import json
from typing import Any

import pytest
from aiohttp import web

from model.errors import ConfigError
from model.scripted.engine import Outside
from model.server.app import MAX_BODY_BYTES, check_address

CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}
HI = [{"role": "user", "content": "hi"}]


async def error_of(response, status: int) -> dict[str, Any]:
    async with response:
        assert response.status == status
        assert response.content_type == "application/json"
        error = (await response.json())["error"]
    assert {"message", "type", "param", "code"} <= set(error)
    assert "\n" not in error["message"]
    return error


async def test_a_whole_answer(start_worker):
    worker = await start_worker()
    async with await worker.chat(model="tuned", seed=5) as response:
        answer = await response.json()
    assert response.status == 200
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "tuned"
    message = {"role": "assistant", "content": "tuned: hi"}
    assert answer["choices"] == [{"index": 0, "message": message, "finish_reason": "stop"}]
    assert answer["usage"] == {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 13}
    assert answer["fungpt"]["model_id"] == "scripted"
    assert answer["fungpt"]["seed"] == 5


async def test_max_tokens_and_stop_decide_the_finish_reason(start_worker):
    worker = await start_worker(reply="one two three")
    async with await worker.chat(max_tokens=3) as response:
        choice = (await response.json())["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one", "length")
    async with await worker.chat(stop=[" th", "zz"]) as response:
        choice = (await response.json())["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one two", "stop")


async def test_models_and_health(start_worker):
    worker = await start_worker()
    async with worker.session.get("/v1/models") as response:
        models = await response.json()
    assert [card["id"] for card in models["data"]] == ["base", "tuned"]
    assert models["data"][1]["fungpt"]["max_context"] == 4096
    async with worker.session.get("/health") as response:
        assert response.status == 200
        assert (await response.json())["status"] == "ok"


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"model": "other"}, 404, "model", "model_not_found"),
        ({"temperature": 9}, 400, "temperature", "invalid_parameter"),
        ({"logprobs": 5}, 400, "logprobs", "invalid_parameter"),
        ({"top_logprobs": 5}, 400, "top_logprobs", "invalid_parameter"),
        ({"logprobs": True, "top_logprobs": 21}, 400, "top_logprobs", "invalid_parameter"),
        ({"messages": []}, 400, "messages", "invalid_parameter"),
        ({"max_tokens": 5000}, 400, "messages", "context_length_exceeded"),
        ({"max_tokens": 10**30}, 400, "messages", "context_length_exceeded"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_refusals(start_worker, fields, status, param, code, stream):
    worker = await start_worker()
    error = await error_of(await worker.chat(stream=stream, **fields), status)
    assert (error["param"], error["code"]) == (param, code)
    assert f'fungpt_worker_refused_total{{code="{code}"}} 1.0' in await worker.metrics()


async def test_messages_of_refusals_say_what_is_allowed(start_worker):
    worker = await start_worker()
    error = await error_of(await worker.chat(model="other"), 404)
    assert "base, tuned" in error["message"]
    error = await error_of(await worker.chat(max_tokens=5000), 400)
    assert "4096" in error["message"]
    assert "5004" in error["message"]


async def test_strange_text_is_only_text(start_worker):
    worker = await start_worker(reply="{prompt}")
    raw = rb'{"model": "base", "messages": [{"role": "user", "content": "\ud800\u0000<|im_end|>"}]}'
    async with worker.session.post(CHAT, data=raw, headers=JSON) as response:
        content = (await response.json())["choices"][0]["message"]["content"]
    assert content == "\ufffd\0<|im_end|>"


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000])
async def test_bad_json(start_worker, raw):
    worker = await start_worker()
    await error_of(await worker.session.post(CHAT, data=raw, headers=JSON), 400)


async def test_only_json_is_taken(start_worker):
    worker = await start_worker()
    headers = {"Content-Type": "text/plain"}
    error = await error_of(await worker.session.post(CHAT, data=b"{}", headers=headers), 415)
    assert "text/plain" in error["message"]


async def test_a_large_body(start_worker):
    worker = await start_worker()
    raw = io.BytesIO(b" " * (MAX_BODY_BYTES + 1))
    error = await error_of(await worker.session.post(CHAT, data=raw, headers=JSON), 413)
    assert error["code"] == "body_too_large"


async def test_a_body_that_does_not_come(start_worker, monkeypatch):
    monkeypatch.setattr("model.server.routes.BODY_LIMIT_S", 0.05)
    worker = await start_worker()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(worker.url.rsplit(":")[-1]))
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_unknown_addresses_and_methods(start_worker):
    worker = await start_worker()
    error = await error_of(await worker.session.get("/v1/embeddings"), 404)
    assert "/v1/embeddings" in error["message"]
    response = await worker.session.delete(CHAT)
    error = await error_of(response, 405)
    assert (error["code"], response.headers["Allow"]) == ("method_not_allowed", "POST")


async def test_other_http_errors_have_the_same_form(start_worker, monkeypatch):
    worker = await start_worker()

    def gone() -> None:
        raise web.HTTPGone

    monkeypatch.setattr(worker.service, "cards", gone)
    assert (await error_of(await worker.session.get("/v1/models"), 410))["code"] == "http_error"


async def test_a_full_queue_says_when_to_come_back(start_worker, gate):
    limits = {"max_running": 1, "max_waiting": 0}
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1, **limits)
    async with await worker.chat(stream=True):
        second = asyncio.create_task(worker.chat())
        await asyncio.sleep(0.02)  # until it is in the inbox; too early only means a later answer
        gate.allow()
        response = await second
        assert (await error_of(response, 429))["code"] == "queue_full"
        assert int(response.headers["Retry-After"]) >= 1
        gate.open()


async def test_while_loading(start_worker, gate, until):
    outside = Outside(sleep=gate.sleep)
    worker = await start_worker(ready=False, outside=outside, load_seconds=1)
    gate.allow(5)
    await until(lambda: worker.service.health().progress == 0.5)
    async with worker.session.get("/health") as response:
        health = await response.json()
    assert response.status == 503
    assert (health["status"], health["stage"]) == ("loading", "loading the script")
    for response in (await worker.chat(), await worker.session.get("/v1/models")):
        error = await error_of(response, 503)
        assert (error["stage"], error["progress"]) == ("loading the script", 0.5)
        assert "Retry-After" in response.headers


async def test_while_draining(start_worker):
    worker = await start_worker()
    await worker.service.drain(1)
    async with worker.session.get("/health") as response:
        assert (response.status, (await response.json())["status"]) == (503, "draining")
    response = await worker.chat()
    assert (await error_of(response, 503))["stage"] == "draining"
    assert "Retry-After" in response.headers


@pytest.mark.parametrize(
    "given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "sécret"}]
)
async def test_a_wrong_key_is_refused(start_worker, given):
    worker = await start_worker(settings={"worker_api_key": "sécret"})
    for path in ("/v1/models", "/metrics", "/v1/nothing"):
        response = await worker.session.get(path, headers=given)
        assert (await error_of(response, 401))["code"] == "invalid_api_key"
        assert response.headers["WWW-Authenticate"] == "Bearer"
    async with worker.session.get("/health") as response:
        assert response.status == 200


async def test_the_right_key_is_taken(start_worker):
    worker = await start_worker(settings={"worker_api_key": "secret"})
    headers = {"Authorization": "Bearer secret"}
    async with worker.session.get("/v1/models", headers=headers) as response:
        assert response.status == 200


async def test_what_nobody_foresaw_is_one_answer_and_a_log_line(start_worker, monkeypatch, caplog):
    worker = await start_worker()
    monkeypatch.setattr(worker.service, "cards", lambda: 1 / 0)
    error = await error_of(await worker.session.get("/v1/models"), 500)
    assert error["code"] == "internal_error"
    assert "ZeroDivisionError" in caplog.text


async def test_a_reader_who_leaves_a_whole_answer_frees_the_engine(start_worker, gate, until):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    asking = asyncio.create_task(worker.chat())
    await until(lambda: worker.service.answering == 1)
    asking.cancel()
    await until(lambda: worker.service.answering == 0)
    gate.allow()
    await until(lambda: worker.service.health().running == 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_this_machine_needs_no_key(host):
    check_address(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org", "192.168.1.5"])
def test_the_network_needs_a_key(host, make_settings):
    with pytest.raises(ConfigError, match="WORKER_API_KEY"):
        check_address(host, None)
    check_address(host, make_settings(worker_api_key="k").worker_api_key)


async def test_metrics(start_worker):
    worker = await start_worker()
    async with await worker.chat(model="tuned") as response:
        json.loads(await response.text())
    text = await worker.metrics()
    for line in (
        'fungpt_worker_answers_total{outcome="stop",variant="tuned"} 1.0',
        "fungpt_worker_prompt_tokens_total 4.0",
        "fungpt_worker_completion_tokens_total 9.0",
        "fungpt_worker_first_token_seconds_count 1.0",
        "fungpt_worker_answer_seconds_count 1.0",
        "fungpt_worker_running 0.0",
        "fungpt_worker_waiting 0.0",
        "fungpt_worker_cache_blocks_total 2048.0",
        "fungpt_worker_step_busy_seconds 0.0",
    ):
        assert line in text
