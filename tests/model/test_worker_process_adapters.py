"""Promoting beside a running worker: the real program over a tiny model, and nobody waits."""

import asyncio
from pathlib import Path

import aiohttp
import openai
from openai.types.chat import ChatCompletionMessageParam
from safetensors.torch import load_file, save_file

from model.loading.base import ResolvedBase, resolve_base
from model.loading.registry import Registry
from tests.fakes.tiny_model import make_tiny, make_whole_adapter
from training.ship.gate import AlwaysOpen
from training.ship.promote import promote, roll_back
from training.ship.tell_worker import WorkerAddress

LIMIT_S = 60
KEY = "secret"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello there"}]
END = 2  # the id that ends an answer
LONG, SHORT = 400, 20  # tokens


def make_base(folder: Path) -> ResolvedBase:
    """A tiny model that takes its time and never ends an answer by itself."""
    make_tiny(folder, max_position_embeddings=2048, num_hidden_layers=10)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"][END] = 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return resolve_base(str(folder), folder, lambda *_: None)


async def answer(
    client: openai.AsyncOpenAI, tokens: int, began: asyncio.Event | None = None
) -> tuple[str, str]:
    """A greedy answer of `tuned`, and the hash of the adapter that gave it."""
    text, hash_ = "", ""
    stream = await client.chat.completions.create(
        model="tuned", messages=HELLO, stream=True, temperature=0, max_tokens=tokens
    )
    async for chunk in stream:
        text += chunk.choices[0].delta.content or ""
        if began is not None and text:
            began.set()
        if chunk.choices[0].finish_reason is not None:
            hash_ = (chunk.model_extra or {})["fungpt"]["adapter_hash"]
    return text, hash_


async def ready(url: str) -> None:
    async with aiohttp.ClientSession(url) as session:
        while True:
            async with session.get("/health") as response:
                if response.status == 200:
                    return
            await asyncio.sleep(0.05)


async def shown(client: openai.AsyncOpenAI, hash_: str) -> None:
    """Wait until /v1/models shows this hash."""
    while True:
        cards = {card.id: (card.model_extra or {})["fungpt"] async for card in client.models.list()}
        if cards["tuned"]["adapter_hash"] == hash_:
            return
        await asyncio.sleep(0.05)


async def test_a_promotion_beside_a_running_answer(start_process, tmp_path):
    base = make_base(tmp_path / "tiny")
    old = make_whole_adapter(base, tmp_path / "old", seed=1)
    new = make_whole_adapter(base, tmp_path / "new", seed=2)
    registry = Registry(tmp_path / "home")
    worker = await start_process(
        BASE_MODEL=str(base.folder),
        ADAPTERS=f"tuned={tmp_path / 'old'}",
        FUNGPT_HOME=str(tmp_path / "home"),
        WORKER_API_KEY=KEY,
        CPU_COMPUTE="float32",
        OMP_NUM_THREADS="1",
    )
    told: list[str] = []
    address = WorkerAddress(worker.url, KEY)

    def promote_new(tell) -> None:
        promote(tmp_path / "new", "tuned", base, registry, AlwaysOpen(), tell)

    client = openai.AsyncOpenAI(base_url=f"{worker.url}/v1", api_key=KEY, max_retries=0)
    async with client, asyncio.timeout(LIMIT_S):
        await ready(worker.url)
        alone = await answer(client, LONG)
        short = await answer(client, SHORT)
        assert alone[1] == short[1] == old

        began = asyncio.Event()
        running = asyncio.create_task(answer(client, LONG, began))
        await began.wait()
        await asyncio.to_thread(promote_new, lambda *change: told.append(address.tell(*change)))
        assert not running.done(), "it was promoted while the answer ran"
        assert told == [f"the worker at {worker.url} answers with it from now on"]
        await shown(client, new)
        beside = await answer(client, SHORT)
        assert not running.done(), "the new one answers while the old one still does"
        assert await running == alone
        assert (beside[1], beside[0] != short[0]) == (new, True)

        roll_back("tuned", registry, lambda *change: told.append(address.tell(*change)))
        assert await answer(client, SHORT) == short

        # nobody tells the worker: it looks by itself
        await asyncio.to_thread(promote_new, lambda *_: None)
        await shown(client, new)
        assert await answer(client, SHORT) == beside
    worker.process.terminate()
    code, errors = await worker.ended()
    assert code == 0, errors
    assert "Traceback" not in errors
