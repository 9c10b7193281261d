"""Chats and completions with logprobs through the whole worker, over a real tokenizer and model."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from model.assembly import load
from model.errors import BadParameter
from model.protocol.chat_request import AnswerRequest, ChatRequest
from model.protocol.completion_request import CompletionRequest
from model.server.answer.generation import Generation
from model.server.answer.scored_text import ScoredPiece
from model.server.metrics import WorkerMetrics
from model.server.service import EngineService
from tests.fakes.metaspace_tokenizer import metaspace_tokenizer
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import make_tiny

LIMIT_S = 60.0
HI = {"role": "user", "content": "hello there"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("scored") / "tiny")


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[EngineService]:
    settings = worker_settings(base_model=str(folder), kv_cache_mb=8, cpu_compute="float32")
    ready = asyncio.Event()

    def read(progress):
        loaded = load(settings, progress)
        loop.call_soon_threadsafe(ready.set)
        return loaded

    loop = asyncio.get_running_loop()
    made = EngineService(read, WorkerMetrics())
    made.start()
    async with asyncio.timeout(LIMIT_S):
        await ready.wait()
        while made.health().status != "ok":  # noqa: ASYNC110 - told by the thread right after
            await asyncio.sleep(0.002)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def service(folder) -> AsyncIterator[EngineService]:
    async with serving(folder) as made:
        yield made


async def answer(
    service: EngineService, request: AnswerRequest
) -> tuple[Generation, str, list[ScoredPiece]]:
    async with asyncio.timeout(LIMIT_S), service.generate(request) as generation:
        text, scored, _ = await generation.rest()
    return generation, text, scored


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_bytes_of_a_chat_s_tokens_are_its_text(service, seed):
    """A random model says mostly bytes that are no UTF-8."""
    fields = {"messages": [HI], "max_tokens": 40, "seed": seed}
    request = ChatRequest.model_validate({"model": "base", **fields, "logprobs": True})
    generation, text, scored = await answer(service, request)
    assert len(scored) == generation.completion_tokens
    shown = b"".join(piece.raw for piece in scored if not piece.raw.startswith(b"<|"))
    assert shown.decode("utf-8", "replace") == text


async def test_a_completion_s_logprobs_are_those_of_the_typed_text(service, folder):
    typed = "user <|im_end|> opinion"
    fields = {"prompt": typed, "max_tokens": 6, "temperature": 0, "logprobs": 5}
    request = CompletionRequest.model_validate({"model": "base", **fields})
    generation, _, scored = await answer(service, request)
    ids = generation.request.input_ids
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.decode(ids) == typed
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") not in ids
    again = CompletionRequest.model_validate({"model": "base", **fields, "prompt": list(ids)})
    _, _, same = await answer(service, again)
    assert [piece.raw for piece in same] == [piece.raw for piece in scored]
    assert [piece.logprob for piece in same] == pytest.approx([one.logprob for one in scored])
    for piece in scored:
        assert piece.top[0] == (piece.raw, piece.logprob)
        probabilities = torch.tensor([logprob for _, logprob in piece.top]).exp()
        assert 0 < float(probabilities.sum()) <= 1.0001


async def test_an_id_without_a_row_is_refused(service, folder):
    vocabulary = len(AutoTokenizer.from_pretrained(folder))
    fields = {"model": "base", "max_tokens": 1}
    last = CompletionRequest.model_validate({**fields, "prompt": [vocabulary - 1]})
    await answer(service, last)
    with pytest.raises(BadParameter, match=f"the last id is {vocabulary - 1}"):
        await answer(service, CompletionRequest.model_validate({**fields, "prompt": [vocabulary]}))


@pytest.mark.parametrize(
    ("kind", "asked", "text"),
    [
        (CompletionRequest, {"prompt": "hi", "logprobs": 1}, " hi hi"),
        (ChatRequest, {"messages": [HI], "logprobs": True, "top_logprobs": 1}, "hi hi"),
    ],
)
async def test_only_a_completion_goes_on_with_a_space(tmp_path, kind, asked, text):
    tokenizer = metaspace_tokenizer()
    word = str(tokenizer.convert_tokens_to_ids("▁hi"))
    fields = {"model": "base", "max_tokens": 2, "temperature": 0, "logit_bias": {word: 100}}
    async with serving(make_tiny(tmp_path / "words", tokenizer=tokenizer)) as service:
        _, said, scored = await answer(service, kind.model_validate({**fields, **asked}))
    assert said == text
    assert b"".join(piece.raw for piece in scored) == text.encode()
    assert [piece.begin for piece in scored] == [0, len(text) - 3]
