import asyncio
import json
from typing import Any

import aiohttp
import pytest

from model.scripted.engine import Outside

LIMIT_S = 10


async def events_of(response) -> list[Any]:
    """The data of every event; comments are left out."""
    assert response.status == 200
    assert response.content_type == "text/event-stream"
    text = (await response.read()).decode()
    assert text.endswith("\n\n")
    events = [event for event in text[:-2].split("\n\n") if not event.startswith(":")]
    assert all(event.startswith("data: ") for event in events)
    data = [event.removeprefix("data: ") for event in events]
    return [one if one == "[DONE]" else json.loads(one) for one in data]


def text_of(chunks) -> str:
    return "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])


async def test_the_chunks_have_openai_s_shape(start_worker):
    worker = await start_worker()
    async with await worker.chat(stream=True, model="tuned", seed=3) as response:
        *chunks, done = await events_of(response)
    assert done == "[DONE]"
    first, *deltas, last = chunks
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    ]
    assert text_of(deltas) == "tuned: hi"
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert first["fungpt"] == last["fungpt"]
    assert last["fungpt"]["seed"] == 3
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert not any("usage" in chunk for chunk in chunks[:-1])
    assert not any("fungpt" in chunk for chunk in deltas)


async def test_usage_comes_last_when_asked_for(start_worker):
    worker = await start_worker()
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    async with await worker.chat(**asked) as response:
        *_, last, usage, done = await events_of(response)
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 4, "completion_tokens": 8, "total_tokens": 12}
    assert done == "[DONE]"


async def test_characters_and_stop_strings_are_never_split(start_worker):
    worker = await start_worker(reply="🤖é🤖STOP more", step_seconds=0.001)
    async with await worker.chat(stream=True, stop="STOP") as response:
        *chunks, done = await events_of(response)
    assert text_of(chunks) == "🤖é🤖"
    assert done == "[DONE]"


@pytest.mark.parametrize(
    ("fault", "code"), [("raise", "engine_failed"), ("error", "engine_failed")]
)
async def test_an_error_after_the_start_is_an_event_and_the_end(start_worker, fault, code):
    worker = await start_worker(**{f"{fault}_after_tokens": 3})
    async with await worker.chat(stream=True) as response:
        *chunks, error = await events_of(response)
    assert text_of(chunks) == "bas"
    assert error["error"]["code"] == code
    assert error["error"]["type"] == "server_error"


async def test_draining_breaks_off_with_an_event(start_worker, gate):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    async with await worker.chat(stream=True) as response:
        await worker.service.drain(0)
        *_, error = await events_of(response)
    assert error["error"]["stage"] == "draining"


async def test_a_dropped_connection_frees_the_engine_within_one_step(start_worker, gate, until):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    async with await worker.chat(stream=True) as response:
        gate.allow()
        assert (await response.content.readline()).startswith(b"data: ")
        await until(lambda: worker.service.health().running == 1)
        response.close()
    await until(lambda: worker.service.answering == 0)
    gate.allow()  # the step that was under way
    await until(lambda: worker.service.health().running == 0)
    assert 'outcome="aborted"' in await worker.metrics()


async def test_silence_is_filled_with_comments(start_worker, gate, monkeypatch):
    monkeypatch.setattr("model.server.routes.KEEP_ALIVE_S", 0.01)
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    async with await worker.chat(stream=True) as response:
        async with asyncio.timeout(LIMIT_S):
            await response.content.readuntil(b": still working\n\n")
        gate.open()
        *chunks, done = await events_of(response)
    assert text_of(chunks) == "base: hi"
    assert done == "[DONE]"


async def test_a_reader_that_takes_nothing_is_cut_off(
    start_worker, gate, monkeypatch, until, caplog
):
    caplog.set_level("INFO")
    monkeypatch.setattr("model.server.routes.SEND_LIMIT_S", 0.05)
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    monkeypatch.setattr("aiohttp.web.StreamResponse.write", never)
    response = await worker.chat(stream=True)
    await until(lambda: worker.service.answering == 0)
    monkeypatch.undo()
    assert 'outcome="aborted"' in await worker.metrics()
    assert "nothing taken for 0.05 s" in caplog.text
    assert "Traceback" not in caplog.text
    response.close()


async def never(self, data: bytes) -> None:
    await asyncio.Event().wait()


async def test_what_nobody_foresaw_closes_the_connection(start_worker, monkeypatch, caplog):
    worker = await start_worker()
    monkeypatch.setattr("model.server.answer.generation.Generation.read", broken)
    async with await worker.chat(stream=True) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert worker.service.answering == 0
    assert "the reader's text is lost" in caplog.text


async def broken(self) -> None:
    raise RuntimeError("the reader's text is lost")
