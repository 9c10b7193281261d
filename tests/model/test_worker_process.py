import asyncio
import json
import signal
import sys

import aiohttp
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from model.__main__ import ENGINE_FAILED, LOAD_FAILED, REFUSED
from model.scripted.engine import CRASH_CODE

LIMIT_S = 15
HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]


def client_of(worker) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{worker.url}/v1", api_key="k", max_retries=0)


async def stream_text(client: openai.AsyncOpenAI) -> str:
    text = ""
    stream = await client.chat.completions.create(model="tuned", messages=HI, stream=True)
    async for chunk in stream:
        text += chunk.choices[0].delta.content or ""
    return text


async def ready(session: aiohttp.ClientSession) -> None:
    """Wait until the worker takes requests: it listens before it has loaded."""
    async with asyncio.timeout(LIMIT_S):
        while (await session.get("/health")).status != 200:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


async def test_the_official_client_talks_to_the_worker(start_process):
    worker = await start_process(script='{"step_seconds": 0.002}')
    async with client_of(worker) as client, asyncio.timeout(LIMIT_S):
        assert [card.id async for card in client.models.list()] == ["base", "tuned"]
        assert await stream_text(client) == "tuned: hi"
        whole = await client.chat.completions.create(
            model="base", messages=HI, extra_body={"top_k": 5}, max_completion_tokens=4
        )
        assert whole.choices[0].message.content == "base"
        assert whole.choices[0].finish_reason == "length"
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 4
        with pytest.raises(openai.NotFoundError, match="base, tuned"):
            await client.chat.completions.create(model="other", messages=HI)
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model="base", messages=HI, top_logprobs=2)
        assert refused.value.param == "top_logprobs"
    worker.process.send_signal(signal.SIGTERM)
    code, errors = await worker.ended()
    assert code == 0
    assert "Traceback" not in errors


async def test_torch_is_not_imported_for_the_script(tmp_path):
    program = (
        "import sys, model.__main__, model.client\n"
        "print(sorted({'torch', 'transformers', 'peft', 'bitsandbytes'} & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(LIMIT_S):
        out, _ = await process.communicate()
    assert out.strip() == b"[]"


async def test_closing_standard_input_ends_it_even_in_the_middle(start_process):
    script = '{"step_seconds": 0.05, "reply": "a very long answer that nobody waits for"}'
    worker = await start_process("--exit-on-stdin-eof", script=script)
    async with aiohttp.ClientSession(worker.url) as session:
        await ready(session)
        body = {"model": "base", "messages": HI, "stream": True}
        async with session.post("/v1/chat/completions", json=body) as response:
            await response.content.readline()
            worker.process.stdin.close()
            async with asyncio.timeout(2):
                await worker.process.wait()
    assert worker.process.returncode == 0


async def test_without_the_flag_standard_input_means_nothing(start_process):
    worker = await start_process()
    worker.process.stdin.close()
    async with aiohttp.ClientSession(worker.url) as session:
        assert (await session.get("/health")).status in {200, 503}
    worker.process.terminate()
    assert (await worker.ended())[0] == 0


async def test_it_dies_in_the_middle_once_and_then_works(start_process, tmp_path):
    script = json.dumps(
        {"crash_after_tokens": 3, "fault_marker": str(tmp_path / "crashed"), "step_seconds": 0.01}
    )
    worker = await start_process(script=script)
    async with client_of(worker) as client, asyncio.timeout(LIMIT_S):
        with pytest.raises(openai.APIConnectionError):
            await stream_text(client)
    assert (await worker.ended())[0] == CRASH_CODE
    again = await start_process(script=script)
    async with client_of(again) as client, asyncio.timeout(LIMIT_S):
        assert await stream_text(client) == "tuned: hi"


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [
        ('{"fail_load": "the disk is full"}', LOAD_FAILED, "model: the disk is full\n"),
        ("{", REFUSED, "model: FUNGPT_SCRIPT: Invalid JSON"),
    ],
)
async def test_a_start_that_fails_is_one_line(start_process, script, code, line):
    worker = await start_process(script=script, wait=False)
    ended, errors = await worker.ended()
    assert (ended, errors.count("\n")) == (code, 1)
    assert errors.startswith(line)


async def test_a_failed_engine_ends_the_process(start_process):
    worker = await start_process(script='{"raise_after_tokens": 2}')
    async with client_of(worker) as client, asyncio.timeout(LIMIT_S):
        with pytest.raises(openai.APIError, match="the script says: raise"):
            await stream_text(client)
    code, errors = await worker.ended()
    assert code == ENGINE_FAILED
    assert "model: RuntimeError: the script says: raise\n" in errors


async def test_a_hang_shows_in_health(start_process):
    worker = await start_process(script='{"hang_after_tokens": 2}')
    body = {"model": "base", "messages": HI, "stream": True}
    async with aiohttp.ClientSession(worker.url) as session:
        await ready(session)
        async with session.post("/v1/chat/completions", json=body), asyncio.timeout(LIMIT_S):
            while (await (await session.get("/health")).json())["busy_s"] < 0.2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    worker.process.kill()
    await worker.ended()
