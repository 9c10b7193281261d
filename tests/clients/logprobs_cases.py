"""Log-probabilities, by each client's own way to them."""

import math

import litellm
import pytest

from tests.clients.answers import LIMIT_S, Place, Turns
from tests.clients.by_langchain import LangChainClient
from tests.clients.by_openai import OpenAIClient

pytestmark = pytest.mark.offers("logprobs")
HI: Turns = [{"role": "user", "content": "Say hello."}]
FEW = {"temperature": 0.0, "max_tokens": 4, "logprobs": True, "top_logprobs": 3}


def test_openai_whole_and_streamed(demo: Place):
    with OpenAIClient.connect(demo) as client:
        ask = client.chat.completions.create
        whole = ask(model="base", messages=HI, **FEW)
        chunks = list(ask(model="base", messages=HI, stream=True, **FEW))
    tokens = whole.choices[0].logprobs.content
    assert 0 < len(tokens) <= 4
    for token in tokens:
        assert len(token.top_logprobs) == 3
        assert token.logprob == token.top_logprobs[0].logprob <= 0  # greedy takes the likeliest
        assert sum(math.exp(top.logprob) for top in token.top_logprobs) <= 1 + 1e-6
    said = b"".join(bytes(token.bytes) for token in tokens).decode(errors="replace")
    assert said.strip() == whole.choices[0].message.content.strip()
    streamed = [
        token
        for chunk in chunks
        if chunk.choices and chunk.choices[0].logprobs
        for token in chunk.choices[0].logprobs.content
    ]
    assert [token.token for token in streamed] == [token.token for token in tokens]


def test_litellm(demo: Place):
    answer = litellm.completion(
        model="openai/base", api_base=demo.base, api_key=demo.key, messages=HI, timeout=LIMIT_S,
        **FEW,
    )  # fmt: skip
    assert len(answer.choices[0].logprobs.content[0].top_logprobs) == 3


def test_langchain(demo: Place):
    answer = LangChainClient.connect(demo, "base", **FEW).invoke("Say hello.")
    assert len(answer.response_metadata["logprobs"]["content"][0]["top_logprobs"]) == 3
